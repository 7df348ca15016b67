import CircleCI
import Logging
import Usage
import Wire

/// The steps of a run: each leaves on disk what it has reached.
extension ExportRun {
    mutating func start(_ days: ClosedRange<Day>, _ api: any ExportingAPI) async throws {
        let organizationID = try await organizationID(api)
        try checkClock()
        let startedAt = surroundings.now()
        // Before the call: one whose answer gets lost counts at CircleCI as well.
        state.starts.append(startedAt)
        try await save()
        let export: APIUsageExport
        do throws(CircleCIError) {
            export = try await api.startUsageExport(
                organizationID: organizationID,
                start: days.lowerBound.start,
                end: days.end
            )
        } catch {
            // With a dead key everything is not found.
            if error.code == .notFound { try await probe(api).check() }
            switch error.code {
            // What is under way goes on; nothing more is started.
            case .notFound, .refused,
                .forbidden where !error.isOfEdgeNetwork:
                state.refusedAt = startedAt
                refusalCode = error.code
                state.refusal =
                    error.code == .notFound
                    ? "CircleCI has no usage export for this organization and key" : error.description
                try await save()
                report.isRefused = true
                return
            case .unreachable, .timedOut, .unexpectedAnswer:
                // It may have been started: again and again would use up the hour's starts for exports without a name.
                try await note(days, ExportRun.unanswered)
            case .rateLimited, .serverError, .forbidden: state.startsHeldUntil = heldUntil(error)
            default: break
            }
            throw error
        }
        // The answer to this very call may be the first that tells.
        try checkClock()
        state.exports.append(
            ExportState.Export(id: export.id, first: days.lowerBound, last: days.upperBound, startedAt: startedAt)
        )
        try await save()
        surroundings.logger.info(
            "a usage export was started",
            metadata: ["connection": "\(connection.id)", "days": "\(days.lowerBound) to \(days.upperBound)"]
        )
    }

    /// An export of a clock that is ahead would close days that are not over, and be the last word on them until that time.
    private func checkClock() throws(ExportProblem) {
        #if SABOTAGE
            if Sabotage.plants("wrong-clock-believed") { return }
        #endif
        if let problem = surroundings.clockProblem() { throw ExportProblem(problem) }
    }

    mutating func look(_ id: String, _ api: any ExportingAPI) async throws {
        guard let place = state.exports.firstIndex(where: { $0.id == id }) else { return }
        let organizationID = try await organizationID(api)
        let now = surroundings.now()
        state.looks.append(now)
        state.exports[place].lookedAt = now
        try await save()
        let answer: APIUsageExport
        do throws(CircleCIError) {
            answer = try await api.usageExport(organizationID: organizationID, id: id)
        } catch {
            if error.code == .notFound {
                try await probe(api).check()
                return try await fail(state.exports[place], "CircleCI does not know the export any more")
            }
            if error.code == .rateLimited { state.looksHeldUntil = heldUntil(error) }
            throw error
        }
        switch answer.state {
        case "completed":
            let names = answer.downloads.map(\.name)
            // Two addresses of one name would lie in one file.
            guard Set(names).count == names.count else {
                return try await fail(state.exports[place], "CircleCI names two files alike")
            }
            state.exports[place].files = names
            try await save()
            do {
                try await download(answer.downloads, api)
            } catch let error as CircleCIError where error.code == .unexpectedAnswer {
                // Longer than any file may be: of fewer days it is shorter.
                try await fail(state.exports[place], error.message)
            }
        case "failed":
            try await fail(state.exports[place], ExportRun.shown(answer.errorReason))
        default:
            guard now.seconds(since: state.exports[place].startedAt) > options.patienceSeconds else { return }
            try await fail(state.exports[place], "it was not completed in \(Int(options.patienceSeconds / 3600)) hours")
        }
    }

    private mutating func download(
        _ downloads: [UsageExportDownload],
        _ api: any ExportingAPI
    ) async throws {
        let missing = Set(await files.missing(of: downloads.map(\.name)))
        for (index, download) in downloads.enumerated() where missing.contains(download.name) {
            let file = ExportDownload(files.path(download.name))
            try await file.open()
            do {
                let (connection, progress) = (connection.id, surroundings.progress)
                let name = "file \(index + 1) of \(downloads.count)"
                try await api.download(download, maximumBytes: options.maximumFileBytes) { chunk in
                    try await file.write(chunk)
                    await progress(
                        SettleProgress(
                            connection: connection,
                            file: name,
                            phase: .downloading,
                            bytes: await file.byteCount,
                            totalBytes: 0,
                            rows: 0
                        )
                    )
                }
                try await file.finish()
            } catch {
                await file.abandon()
                throw error
            }
        }
    }

    /// From the connection where it names it by its id, else asked for once.
    private mutating func organizationID(_ api: any ExportingAPI) async throws -> String {
        if let known = state.organizationID { return known }
        let key = ProjectSlug.key(connection.organization)
        let id: String
        if let uuid = Identity.uuid(key) ?? ExportRun.idInSlug(key) {
            id = Identity.uuidString(uuid)
        } else {
            let organizations = try await api.collaborations()
            let found = organizations.first { ProjectSlug.key($0.slug) == key }
            guard let text = found?.id else {
                throw ExportProblem(
                    code: MeterError.Code.organizationNotFound.rawValue,
                    message: "The key's owner does not work in \(connection.organization)"
                )
            }
            id = text
        }
        state.organizationID = id
        try await save()
        return id
    }

    /// Of `circleci/<base58>`.
    private static func idInSlug(_ key: String) -> UInt128? {
        let parts = key.split(separator: "/")
        return parts.count == 2 && parts[0] == "circleci" ? Base58.decode(parts[1]) : nil
    }

    mutating func settle(_ export: ExportState.Export) async throws {
        let names = export.files ?? []
        let days = "\(export.first) to \(export.last)"
        let settlement = try await surroundings.settle(
            SettleRequest(
                files: names.enumerated().map { index, name in
                    SettleRequest.File(
                        name: "the usage export of \(days), file \(index + 1) of \(names.count)",
                        path: files.path(name),
                        exportedAt: export.startedAt
                    )
                },
                days: export.days,
                exportedAt: export.startedAt,
                correctionDays: options.correctionDays
            )
        )
        guard let place = state.exports.firstIndex(where: { $0.id == export.id }) else { return }
        let damaged = zip(names, settlement.files).filter { $1.error != nil }
        guard let error = damaged.first?.1.error else {
            state.exports.remove(at: place)
            if let closed = settlement.days {
                state.failures.removeAll { closed.contains($0.first) && closed.contains($0.last) }
                report.exports.append(
                    ExportReport.Export(days: closed, startedAt: export.startedAt, settlement: settlement)
                )
            }
            if let open = settlement.openDays {
                try await note(open, "it has no row of \(open.lowerBound), and there were runs")
            } else {
                try await save()
            }
            await files.remove(names)
            return
        }
        state.exports[place].damages += 1
        // Nothing of them counts; the next look tells where they can be downloaded again.
        state.exports[place].files = nil
        await files.remove(damaged.map(\.0))
        if state.exports[place].damages >= options.maximumDamages {
            return try await fail(state.exports[place], error.description)
        }
        try await save()
        surroundings.logger.warning(
            "a file of a usage export is damaged",
            metadata: ["connection": "\(connection.id)", "error": "\(error)"]
        )
    }

    private mutating func fail(_ export: ExportState.Export, _ reason: String) async throws {
        state.exports.removeAll { $0.id == export.id }
        try await note(export.days, reason)
        await files.removeStrangers(keeping: state.exports.flatMap { $0.files ?? [] })
    }

    /// Keeps that an export of these days came to nothing.
    private mutating func note(_ days: ClosedRange<Day>, _ reason: String) async throws {
        state.failures.append(
            ExportState.Failure(first: days.lowerBound, last: days.upperBound, at: surroundings.now(), reason: reason)
        )
        try await save()
        report.failures.append(ExportReport.Failure(days: days, reason: reason))
        surroundings.logger.warning(
            "a usage export came to nothing",
            metadata: [
                "connection": "\(connection.id)", "days": "\(days.lowerBound) to \(days.upperBound)",
                "reason": "\(reason)",
            ]
        )
    }

    private static let unanswered = "CircleCI did not answer whether it was started"

    /// What CircleCI gives as a reason, as far as it can be shown.
    private static func shown(_ reason: String?) -> String {
        let text = String((reason ?? "").unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7f }.prefix(200))
        return text.isEmpty ? "CircleCI gives no reason" : text
    }
}
