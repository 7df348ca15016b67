import Wire

/// The pages of a list. Its places never change: what is not there yet is passed over, so nothing comes twice or is left
/// out while time goes on.
struct SitePaging {
    /// Which list: a token of another one is refused.
    let name: String
    let size: Int
    let seed: UInt64

    /// A page as the request wants it.
    ///
    /// - Parameters:
    ///   - count: The places of the list.
    ///   - isListed: Whether something is at a place.
    func answer(
        _ request: SiteRequest,
        count: Int,
        isListed: (Int) -> Bool,
        write: (Int, inout JSONWriter) -> Void
    ) -> SiteAnswer {
        var place = 0
        if let token = request.query["page-token"] {
            guard let given = self.place(of: token), given <= count else {
                return .message(400, "Invalid page token")
            }
            place = given
        }
        var places: [Int] = []
        while place < count, places.count <= size {
            if isListed(place) { places.append(place) }
            place += 1
        }
        let next = places.count > size ? places.removeLast() : nil
        return SiteAnswer { json in
            json.object { json in
                json.member("items", array: { json in for place in places { write(place, &json) } })
                json.member("next_page_token", next.map(token))
            }
        }
    }

    private func token(_ place: Int) -> String {
        Base58.encode((nameHash << 64 | UInt128(place)) ^ mask)
    }

    private func place(of token: String) -> Int? {
        guard let value = Base58.decode(token), (value ^ mask) >> 64 == nameHash else { return nil }
        return Int(exactly: (value ^ mask) & UInt128(UInt64.max))
    }

    private var nameHash: UInt128 { Identity.of(name) & UInt128(UInt64.max) }

    private var mask: UInt128 {
        var random = SeededGenerator(seed: seed ^ 0x7061_6765)
        return random.uuidValue()
    }
}
