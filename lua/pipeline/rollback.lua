-- The order of phases of `webpods rollback` (spec 15).

return function(run)
    run.guard()
    run.observe()
    run.plan()
    run.show()
    run.lock()
    run.apply()
end
