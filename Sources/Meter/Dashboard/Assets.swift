import HTTPTypes
import Hummingbird
import NIOCore
import Wire

/// Style and scripts of the pages: those that are part of the program, and Chart.js where it is installed.
struct Assets: Sendable {
    private struct File: Sendable {
        let name: String
        let type: String
        let maximumAgeSeconds: Int
        let body: ByteBuffer
        /// Names the bytes.
        let tag: String

        init(_ name: String, _ type: String, maximumAgeSeconds: Int = 60, _ bytes: [UInt8]) {
            self.name = name
            self.type = type
            self.maximumAgeSeconds = maximumAgeSeconds
            body = ByteBuffer(bytes: bytes)
            tag = Hex.encode(Randomness.sha256(bytes).prefix(16))
        }
    }

    private static let script = "text/javascript; charset=utf-8"
    /// It changes only when the distribution's package does.
    private static let chartScriptSeconds = 30 * 86_400

    private let files: [File]

    init(chartScript: ChartScript?) {
        var files = [
            File("style.css", "text/css; charset=utf-8", PackageResources.style_css),
            File("live.js", Assets.script, PackageResources.live_js),
            File("charts.js", Assets.script, PackageResources.charts_js),
        ]
        if let chartScript {
            files.append(
                File(
                    "chart.min.js",
                    Assets.script,
                    maximumAgeSeconds: Assets.chartScriptSeconds,
                    chartScript.bytes
                )
            )
        }
        self.files = files
    }

    func add(to router: Router<some RequestContext>) {
        for file in files {
            router.get("/assets/\(file.name)") { request, _ in
                var headers: HTTPFields = [
                    .eTag: EntityTag.header(file.tag),
                    .cacheControl: "private, max-age=\(file.maximumAgeSeconds)",
                ]
                if EntityTag.matches(request.headers[.ifNoneMatch], file.tag) {
                    return Response(status: .notModified, headers: headers)
                }
                headers[.contentType] = file.type
                return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: file.body))
            }
        }
    }
}
