import Wire

/// Words that the counters themselves put into keys.
struct CounterWords: Sendable {
    let compute: Symbol
    /// What is left of the total where the parts do not add up to it.
    let unattributed: Symbol
    let author: Symbol
    let trigger: Symbol
    /// Stands for who was erased: nobody is counted for it, and nobody else in its place.
    let erased: Symbol
    let measures: (medianCPU: Symbol, maximumCPU: Symbol, medianMemory: Symbol, maximumMemory: Symbol)

    init(_ symbols: inout SymbolTable) {
        compute = symbols.intern("compute")
        unattributed = symbols.intern("unattributed")
        author = symbols.intern("author")
        trigger = symbols.intern("trigger")
        erased = symbols.intern("@")
        measures = (
            medianCPU: symbols.intern("cpu_median"),
            maximumCPU: symbols.intern("cpu_max"),
            medianMemory: symbols.intern("ram_median"),
            maximumMemory: symbols.intern("ram_max")
        )
    }
}

/// What a settled run cost and used, and who stands behind each run.
extension CounterChanges {
    mutating func countSettlement(
        _ settlement: SettlementContent,
        of run: RunSummary,
        connection: Symbol,
        words: CounterWords,
        sign: Int
    ) {
        countFeatures(settlement, of: run, connection: connection, words: words, sign: sign)
        let duration = run.durationMilliseconds * sign
        let compute = settlement.credits.first { $0.feature == words.compute }?.thousandths ?? 0
        change(
            .resources,
            SymbolKey(
                connection: connection,
                day: run.day,
                first: run.project,
                second: run.workflow,
                third: run.job,
                fourth: settlement.resourceClass,
                fifth: settlement.executor,
                sixth: settlement.operatingSystem
            )
        ) { tally in
            tally[ResourceColumn.runs] += sign
            tally[ResourceColumn.duration] += duration
            tally[ResourceColumn.machine] += duration * Int(settlement.parallelism)
            tally[ResourceColumn.creditsCompute] += Int(compute) * sign
            tally[ResourceColumn.creditsSettled] += Int(settlement.totalCredits) * sign
        }
        for (measure, value) in [
            (words.measures.medianCPU, settlement.medianCPU), (words.measures.maximumCPU, settlement.maximumCPU),
            (words.measures.medianMemory, settlement.medianMemory),
            (words.measures.maximumMemory, settlement.maximumMemory),
        ] where value != SettlementContent.notMeasured {
            change(
                .utilization,
                SymbolKey(
                    connection: connection,
                    day: run.day.firstOfMonth,
                    first: run.project,
                    second: run.workflow,
                    third: run.job,
                    fourth: settlement.resourceClass,
                    fifth: settlement.executor,
                    sixth: measure
                )
            ) { tally in
                tally[UtilizationColumn.runs] += sign
                if value < 5000 { tally[UtilizationColumn.runsUnderHalf] += sign }
                tally.durations.add(milliseconds: Int(max(0, value)), count: sign)
            }
        }
    }

    private mutating func countFeatures(
        _ settlement: SettlementContent,
        of run: RunSummary,
        connection: Symbol,
        words: CounterWords,
        sign: Int
    ) {
        let duration = run.durationMilliseconds * sign
        let person = settlement.user.isNone ? run.person : settlement.user
        var rest = settlement.totalCredits
        var parts = settlement.credits
        for part in parts { rest -= part.thousandths }
        if rest != 0 { parts.append(SettlementContent.FeatureCredits(feature: words.unattributed, thousandths: rest)) }
        if !parts.contains(where: { $0.feature == words.compute }) {
            parts.append(SettlementContent.FeatureCredits(feature: words.compute, thousandths: 0))
        }
        for part in parts {
            let credits = Int(part.thousandths) * sign
            var key = SymbolKey(connection: connection, day: run.day, first: run.project, second: part.feature)
            // Only machine time is charged by what it ran on.
            if part.feature == words.compute {
                key.third = settlement.resourceClass
                key.fourth = settlement.executor
                key.fifth = settlement.operatingSystem
            }
            change(.features, key) { tally in
                tally[FeatureColumn.runs] += sign
                tally[FeatureColumn.duration] += duration
                tally[FeatureColumn.creditsSettled] += credits
            }
            guard !person.isNone, person != words.erased else { continue }
            change(
                .featurePeople,
                SymbolKey(connection: connection, day: run.day, first: part.feature, second: person)
            ) { tally in
                tally[FeaturePersonColumn.runs] += sign
                tally[FeaturePersonColumn.creditsSettled] += credits
            }
        }
    }

    mutating func countPeople(_ run: RunSummary, connection: Symbol, words: CounterWords, sign: Int) {
        let user = run.settlement?.user ?? .none
        let isUnregistered = run.settlement?.isUnregistered
        let person = !run.person.isNone ? run.person : !run.actor.isNone ? run.actor : user
        guard !person.isNone else { return }
        let month = run.day.firstOfMonth
        if person != words.erased {
            change(.people, SymbolKey(connection: connection, day: month, first: person)) { tally in
                tally[run.kind == .job ? PersonColumn.jobs : PersonColumn.workflows] += sign
                if isUnregistered == false { tally[PersonColumn.registeredRuns] += sign }
                if isUnregistered == true { tally[PersonColumn.unregisteredRuns] += sign }
            }
        }
        func countActivity(of identity: Symbol, as role: Symbol) {
            guard !identity.isNone, identity != words.erased else { return }
            change(
                .activity,
                SymbolKey(connection: connection, day: run.day, first: identity, second: role)
            ) { tally in
                tally[run.kind == .job ? ActivityColumn.jobs : ActivityColumn.workflows] += sign
                // The flag is the triggering user's.
                guard identity == user else { return }
                if isUnregistered == false { tally[ActivityColumn.registeredRuns] += sign }
                if isUnregistered == true { tally[ActivityColumn.unregisteredRuns] += sign }
            }
        }
        countActivity(of: run.person, as: words.author)
        countActivity(of: run.actor, as: words.trigger)
        countActivity(of: user, as: words.trigger)
        guard !user.isNone, user != words.erased else { return }
        for identity in [run.person, run.actor] where !identity.isNone && identity != words.erased {
            change(.identityPairs, SymbolKey(connection: connection, day: month, first: identity, second: user)) {
                $0[0] += sign
            }
        }
    }
}
