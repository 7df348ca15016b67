import HTTPTypes
import Hummingbird
import NIOCore
import Wire

/// `GET /openapi.json`: the API's description, OpenAPI 3.1. It is the same as long as the program is.
struct DescriptionAPI: Sendable {
    private static let bytes = OpenAPIDocument.value.bytes + [UInt8(ascii: "\n")]
    private static let tag = Hex.encode(Randomness.sha256(bytes).prefix(16))

    func add(to router: Router<some RequestContext>) {
        router.get("/openapi.json") { request, _ in
            let isKnown = EntityTag.matches(request.headers[.ifNoneMatch], DescriptionAPI.tag)
            var response = isKnown ? Response(status: .notModified) : Response.json(.ok, DescriptionAPI.bytes)
            response.headers[.eTag] = EntityTag.header(DescriptionAPI.tag)
            response.headers[.cacheControl] = "private, no-cache"
            return response
        }
    }
}
