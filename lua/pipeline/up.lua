-- The order of phases of `webpods up` (spec 13.1). Add steps of your own between them, such as
-- `webpods.sh({ "make", "assets" })`.

return function(run)
    run.guard()
    run.build()
    run.observe()
    run.plan()
    run.show()
    run.lock()
    run.apply()
end
