import HTTPTypes
import Hummingbird
import NIOCore

/// Style and script of the pages, which are part of the program.
struct Assets: Sendable {
    private static let files: [(name: String, type: String, bytes: [UInt8])] = [
        ("style.css", "text/css; charset=utf-8", PackageResources.style_css),
        ("live.js", "text/javascript; charset=utf-8", PackageResources.live_js),
    ]

    func add(to router: Router<some RequestContext>) {
        for file in Assets.files {
            router.get("/assets/\(file.name)") { _, _ in
                Response(
                    status: .ok,
                    headers: [.contentType: file.type, .cacheControl: "private, max-age=60"],
                    body: ResponseBody(byteBuffer: ByteBuffer(bytes: file.bytes))
                )
            }
        }
    }
}
