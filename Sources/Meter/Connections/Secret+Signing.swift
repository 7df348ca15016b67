package import CircleCI

extension Secret {
    /// The secret as webhooks are signed with it.
    /// - Throws: `empty_secret`.
    package func forSigning() throws(CircleCIError) -> WebhookSecret { try WebhookSecret(bytes) }
}
