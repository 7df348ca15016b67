package import CircleCI
package import Wire

/// What was learned about a connection.
package enum ConnectionObservation: Sendable {
    /// `/me` has answered.
    case keyAccepted
    /// `/me` has answered 401.
    case keyRejected
    /// A pass of the reconciler went through. Projects that are gone or silent have been named before.
    case callSucceeded
    /// A pass or a probe failed, after all tries of the client.
    case callFailed(CircleCIError)
    /// The slugs of all projects that a pass has looked at or tried to: a renamed one is not there by its old name.
    case projectsListed(Set<String>)
    /// A project answered 404 while `/me` answers.
    case projectLost(String)
    case projectFound(String)
    /// A project whose runs no webhook tells, since then.
    case projectSilent(String, since: Timestamp)
    case projectHeard(String)
    /// Another key took the place of the old one, or the first came.
    case keyReplaced(expires: Day?)
    /// Nothing but the time: days pass.
    case timePassed
}
