-- The order of phases of `webpods down` (spec 7.7).

return function(run)
    run.guard()
    run.observe()
    run.plan()
    run.show()
    run.lock()
    run.apply()
end
