import Wire

/// What one event says of its run, in symbols.
extension Reducer {
    mutating func version(
        of event: Event,
        in body: UnsafeRawBufferPointer,
        kind: Run.Kind,
        connection: Symbol,
        source: RecordSource
    ) -> Version {
        var version = Version(eventID: event.id?.identity(in: body) ?? 0, source: source)
        version.happenedAt = event.happenedAt?.microseconds ?? Version.noTime
        version.workflow = symbols.intern(event.workflow.name, in: body)
        version.branch = symbols.intern(event.commit.branch, in: body)
        version.person = person(of: event, in: body)
        version.actor = actor(of: event, in: body)
        let word: JSONText?
        switch kind {
        case .job:
            version.stoppedAt = event.job.stoppedAt?.microseconds ?? Version.noTime
            version.startedAt = event.job.startedAt?.microseconds ?? Version.noTime
            version.workflowCreatedAt = event.workflow.createdAt?.microseconds ?? Version.noTime
            version.job = symbols.intern(event.job.name, in: body)
            word = event.job.status
        case .workflow:
            version.stoppedAt = event.workflow.stoppedAt?.microseconds ?? Version.noTime
            version.startedAt = event.workflow.createdAt?.microseconds ?? Version.noTime
            word = event.workflow.status
        }
        if let word {
            version.status = word.withCharacters(in: body) { Status($0) }
            version.statusWord = symbols.intern(word, in: body)
        }
        version.project = project(of: event, in: body, connection: connection, source: source)
        return version
    }

    /// The project's id, or its slug where no id is to be had.
    private mutating func project(
        of event: Event,
        in body: UnsafeRawBufferPointer,
        connection: Symbol,
        source: RecordSource
    ) -> Symbol {
        var id = symbols.intern(event.project.id, in: body)
        var slug = symbols.intern(event.project.slug, in: body)
        if let text = event.project.slug, text.count > 3, text.raw(in: body)[2] == UInt8(ascii: "/") {
            slug = symbols.intern(ProjectSlug.longForm(text.string(in: body)))
        }
        if id.isNone, !slug.isNone, let spelled = ProjectSlug.projectID(symbols.string(slug)) {
            id = symbols.intern(spelled)
        }
        guard !id.isNone else { return slug }
        guard !slug.isNone else { return id }
        let name = symbols.intern(event.project.name, in: body)
        projects.see(
            connection: connection,
            id: id,
            slug: slug,
            name: name,
            // The usage export gives an address from which a slug is guessed: any other word on it is better.
            at: source == .export ? 0 : event.happenedAt?.microseconds ?? 0,
            symbols: symbols
        )
        return id
    }

    /// The commit's author, by e-mail address without regard to case, else by name.
    private mutating func person(of event: Event, in body: UnsafeRawBufferPointer) -> Symbol {
        guard let email = event.commit.authorEmail, email.count > 0 else {
            return stored(symbols.intern(event.commit.authorName, in: body))
        }
        let raw = email.raw(in: body)
        guard !ErasedText.isErased(raw) else { return words.erased }
        guard
            email.isEscaped
                || raw.contains(where: { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) || $0 >= 0x80 })
        else { return stored(symbols.intern(raw)) }
        return stored(symbols.intern(email.string(in: body).lowercased()))
    }

    /// Who triggered the pipeline: `login:NAME`.
    private mutating func actor(of event: Event, in body: UnsafeRawBufferPointer) -> Symbol {
        guard let login = event.pipeline.triggerActor else { return .none }
        let symbol = symbols.intern(login, in: body)
        if let known = loginNames.value(symbol) { return known }
        let name = named("login:", login, in: body)
        loginNames.set(name, for: symbol)
        return name
    }

    /// Who triggered the pipeline, by the usage export: `user:ID`.
    mutating func user(_ id: JSONText?, in body: UnsafeRawBufferPointer) -> Symbol {
        guard let id else { return .none }
        let symbol = symbols.intern(id, in: body)
        if let known = userNames.value(symbol) { return known }
        let name = named("user:", id, in: body)
        userNames.set(name, for: symbol)
        return name
    }

    private mutating func named(_ prefix: String, _ text: JSONText?, in body: UnsafeRawBufferPointer) -> Symbol {
        guard let text, text.count > 0 else { return .none }
        let name = text.string(in: body)
        return ErasedText.isErased(name) ? words.erased : stored(symbols.intern(prefix + name))
    }

    /// What may be stored of a person.
    private mutating func stored(_ person: Symbol) -> Symbol {
        guard !person.isNone else { return .none }
        if let known = personNames.value(person) { return known }
        let text = symbols.string(person)
        let symbol =
            ErasedText.isErased(text) ? words.erased : personName(text).map { symbols.intern($0) } ?? .none
        personNames.set(symbol, for: person)
        return symbol
    }
}
