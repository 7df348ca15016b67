/// The forms that are known to divide HTTP implementations, as a delivery has them: RFC 9112, sections 2, 3, 5, 6, 7
/// and 9, and the request smuggling forms that have been published since 2005.
extension RequestForge {
    struct Form: Sendable {
        var name: String
        var make: @Sendable (inout RequestForge) -> String
    }

    static let classicForms: [Form] =
        requestLines.map { line in Form(name: line) { $0.delivery(line: line) + health } }
        + (goodFields + badFields).map { fields in Form(name: fields) { $0.delivery(fields: fields) + health } }
        + lengths.map { length in
            Form(name: length) { forge in
                forge.framed { body in
                    length.replacing("N", with: "\(body.utf8.count)").replacing("M", with: "\(body.utf8.count - 3)")
                        + "\r\n\(body)"
                } + forge.smuggled()
            }
        }
        + codings.map { coding in
            Form(name: coding) { forge in
                let (text, field) = forge.body()
                return post + host + field + coding + "\r\n" + forge.chunked(text) + forge.smuggled()
            }
        }
        + chunkings.map { chunks in
            Form(name: chunks) { forge in
                forge.framed { body in
                    let size = String(body.utf8.count, radix: 16)
                    return "transfer-encoding: chunked\r\n\r\n"
                        + chunks.replacing("N", with: size).replacing("BODY", with: body)
                } + forge.smuggled()
            }
        }
        + smugglings + pipelines

    static let requestLines: [String] = [
        "POST http://x/webhooks/circleci/acme HTTP/1.1\r\n", "POST HTTP://x/webhooks/circleci/acme HTTP/1.1\r\n",
        "POST //webhooks//circleci/acme HTTP/1.1\r\n", "POST /webhooks/circleci/acme/ HTTP/1.1\r\n",
        "POST /webhooks/circleci/acme?a=b HTTP/1.1\r\n", "POST /webhooks/circleci/acme#a HTTP/1.1\r\n",
        "POST /webhooks/circleci/../circleci/acme HTTP/1.1\r\n", "POST /webhooks/circleci/%61cme HTTP/1.1\r\n",
        "POST /webhooks/circleci/acme%00 HTTP/1.1\r\n", "POST /webhooks/circleci/ACME HTTP/1.1\r\n",
        "POST /webhooks%2fcircleci/acme HTTP/1.1\r\n", "POST /webhooks/circleci/acme%0d%0a HTTP/1.1\r\n",
        "POST /webhooks/circleci HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "POST * HTTP/1.1\r\n",
        "OPTIONS * HTTP/1.1\r\n", "POST x:80 HTTP/1.1\r\n", "POST webhooks/circleci/acme HTTP/1.1\r\n",
        "POST  /webhooks/circleci/acme HTTP/1.1\r\n", "POST /webhooks/circleci/acme  HTTP/1.1\r\n",
        "POST /webhooks/circleci/acme HTTP/1.1 \r\n", " POST /webhooks/circleci/acme HTTP/1.1\r\n",
        "POST\t/webhooks/circleci/acme HTTP/1.1\r\n", "POST /webhooks/circleci/acme\tHTTP/1.1\r\n",
        "POST /webhooks/circle ci/acme HTTP/1.1\r\n", "POST HTTP/1.1\r\n", "POST\r\n", "\r\n", "\r\n\r\n\r\n" + post,
        "\n" + post, "POST /webhooks/circleci/acme\r\n", "POST /webhooks/circleci/acme HTTP\r\n",
        "POST /webhooks/circleci/acme HTTP/\r\n", "POST /webhooks/circleci/acme HTTP/1\r\n",
        "POST /webhooks/circleci/acme HTTP/1.\r\n", "POST /webhooks/circleci/acme HTTP/.1\r\n",
        "POST /webhooks/circleci/acme HTTP/0.9\r\n", "POST /webhooks/circleci/acme HTTP/1.0\r\n",
        "POST /webhooks/circleci/acme HTTP/1.2\r\n", "POST /webhooks/circleci/acme HTTP/2.0\r\n",
        "POST /webhooks/circleci/acme HTTP/3\r\n", "POST /webhooks/circleci/acme HTTP/1.1.1\r\n",
        "POST /webhooks/circleci/acme HTTP/01.1\r\n", "POST /webhooks/circleci/acme HTTP/1.10\r\n",
        "POST /webhooks/circleci/acme http/1.1\r\n", "POST /webhooks/circleci/acme HTTPS/1.1\r\n",
        "POST /webhooks/circleci/acme RTSP/1.0\r\n", "POST /webhooks/circleci/acme ICE/1.0\r\n",
        "POST /webhooks/circleci/acme HTTP/1.1\n", "POST /webhooks/circleci/acme HTTP/1.1\r",
        "POST /webhooks/circleci/acme HTTP/1.1\r\r\n", "POST /webhooks/circleci/acme\u{0} HTTP/1.1\r\n",
        "POST /webhooks/circleci/acm\u{e9} HTTP/1.1\r\n", "POST /\u{1}webhooks/circleci/acme HTTP/1.1\r\n",
        "POST /" + String(repeating: "x", count: 300) + " HTTP/1.1\r\n",
        "post /webhooks/circleci/acme HTTP/1.1\r\n", "PO ST /webhooks/circleci/acme HTTP/1.1\r\n",
        "GET /webhooks/circleci/acme HTTP/1.1\r\n", "HEAD /webhooks/circleci/acme HTTP/1.1\r\n",
        "PUT /webhooks/circleci/acme HTTP/1.1\r\n", "FOO /webhooks/circleci/acme HTTP/1.1\r\n",
        "P@ST /webhooks/circleci/acme HTTP/1.1\r\n", "TRACE /webhooks/circleci/acme HTTP/1.1\r\n",
        "CONNECT x:443 HTTP/1.1\r\n", "CONNECT /webhooks/circleci/acme HTTP/1.1\r\n", "HEAD /healthz HTTP/1.1\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\n",
    ]

    static let goodFields: [String] = [
        "a: b\r\n", "a:b\r\n", "a:\r\n", "a: \t b \t \r\n", "A-b!#$%&'*+.^_`|~9: b\r\n", "a: b: c\r\n",
        "a: \u{e9}\u{ff}\r\n",
        "connection: close\r\n", "Connection: Close\r\n", "connection: a, close\r\n", "connection: keep-alive\r\n",
        "connection: a\r\nconnection: close\r\n", "expect: 100-continue\r\n", "expect: 200-ok\r\n",
        "upgrade: h2c\r\n", "connection: upgrade\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n",
        "connection: upgrade\r\nupgrade: websocket\r\n", "te: trailers\r\n", "trailer: a\r\n", "host: y\r\n",
        "host: x\r\nhost: y\r\n", "x-forwarded-for: 1.2.3.4\r\n", "content-type: application/json\r\n",
    ]

    static let badFields: [String] = [
        "a : b\r\n", "a\t: b\r\n", ": b\r\n", " a: b\r\n", "a\r\n", "a b: c\r\n", "a: b\r\n c\r\n", "a: b\r\n\tc\r\n",
        "a:\r\n b\r\n", "a: b\r\n \r\n", "a: \u{0}b\r\n", "a: b\u{1}\r\n", "a: b\u{7f}\r\n", "a: b\u{b}\r\n", "a: b\n",
        "a: b\rc: d\r\n", "a: b\r\r\n", "a: b\n\r\n", "a\u{0}: b\r\n", "a\u{e9}: b\r\n", "(a): b\r\n", "a@b: c\r\n",
        "\"a\": b\r\n", "a;b: c\r\n", "{a}: b\r\n", "\u{b}a: b\r\n", "=\r\n", "\t\r\n",
        String(repeating: "a: b\r\n", count: 20), "a: " + String(repeating: "b", count: 600) + "\r\n",
        String(repeating: "a", count: 600) + ": b\r\n", "a: " + String(repeating: " ", count: 300) + "b\r\n",
    ]

    /// N is the body's length, M less than it.
    static let lengths: [String] = [
        "", "content-length: N\r\n", "content-length: M\r\n", "content-length: 0\r\n", "content-length: \r\n",
        "content-length: N\r\ncontent-length: N\r\n", "content-length: N\r\ncontent-length: M\r\n",
        "content-length: M\r\ncontent-length: N\r\n", "content-length: N, N\r\n", "content-length: N,M\r\n",
        "content-length: -N\r\n", "content-length: -0\r\n", "content-length: +N\r\n", "content-length: 0N\r\n",
        "content-length: 0000000000N\r\n", "content-length: 0xN\r\n", "content-length: N.0\r\n",
        "content-length: Ne0\r\n",
        "content-length: N N\r\n", "content-length: N  \r\n", "content-length:N\r\n", "content-length: \"N\"\r\n",
        "content-length : N\r\n", "content-length: N;a\r\n", "content-length: \u{b}N\r\n", "content-length: N\u{0}\r\n",
        "content-length: \r\n N\r\n", "content_length: N\r\n", "content-length\r\n", "content-length: 2147483648\r\n",
        "content-length: 4294967296\r\n", "content-length: 9223372036854775807\r\n",
        "content-length: 9223372036854775808\r\n", "content-length: 18446744073709551615\r\n",
        "content-length: 18446744073709551616\r\n", "content-length: 18446744073709551636\r\n",
        "content-length: 99999999999999999999999999\r\n", "Content-Length: N\r\nCONTENT-LENGTH: M\r\n",
        "content-length: N\r\n\r\n\r\n", "content-length: \u{b2}\r\n", "content-length: 401\r\n",
    ]

    static let codings: [String] = [
        "transfer-encoding: chunked\r\n", "Transfer-Encoding: Chunked\r\n", "transfer-encoding: CHUNKED\r\n",
        "transfer-encoding:chunked\r\n", "transfer-encoding:  chunked  \r\n", "transfer-encoding: \tchunked\r\n",
        "transfer-encoding: xchunked\r\n", "transfer-encoding: chunked x\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: identity\r\n", "transfer-encoding: identity, chunked\r\n", "transfer-encoding: gzip\r\n",
        "transfer-encoding: gzip, chunked\r\n", "transfer-encoding: chunked, gzip\r\n",
        "transfer-encoding: chunked, chunked\r\n", "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: x\r\n",
        "transfer-encoding: x\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked;a=b\r\n", "transfer-encoding: \"chunked\"\r\n", "transfer-encoding: 'chunked'\r\n",
        "transfer-encoding: chunke\r\n", "transfer-encoding: chunked,\r\n", "transfer-encoding: ,chunked\r\n",
        "transfer-encoding: \r\n", "transfer-encoding : chunked\r\n", " transfer-encoding: chunked\r\n",
        "transfer-encoding\t: chunked\r\n", "transfer-encoding: \r\n chunked\r\n",
        "x: y\r\n transfer-encoding: chunked\r\n",
        "transfer-encoding: \u{b}chunked\r\n", "transfer-encoding: chunked\u{b}\r\n",
        "transfer-encoding: \u{0}chunked\r\n",
        "transfer-encoding: chun\u{8}ked\r\n", "transfer_encoding: chunked\r\n",
        "transfer-encoding: c\u{212}hunked\r\n".replacing("\u{212}", with: "\u{12}"),
        "x: y\rtransfer-encoding: chunked\r\n", "x: y\ntransfer-encoding: chunked\r\n",
        "\ntransfer-encoding: chunked\r\n", "transfer-encoding\r\n: chunked\r\n",
        "connection: transfer-encoding\r\ntransfer-encoding: chunked\r\n",
        "te: chunked\r\n", "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
        "content-length: 4\r\ntransfer-encoding: chunked\r\n", "content-length: 0\r\ntransfer-encoding: x\r\n",
    ]

    /// N is the body's length in hexadecimal, BODY the body.
    static let chunkings: [String] = [
        "N\r\nBODY\r\n0\r\n\r\n", "N\r\nBODY\r\n000\r\n\r\n", "0000N\r\nBODY\r\n0\r\n\r\n",
        "N;a=b\r\nBODY\r\n0;c\r\n\r\n", "N;a=\"b;\\\"c\"\r\nBODY\r\n0\r\n\r\n", "N; a=b\r\nBODY\r\n0\r\n\r\n",
        "N ;a\r\nBODY\r\n0\r\n\r\n", "N \r\nBODY\r\n0\r\n\r\n", " N\r\nBODY\r\n0\r\n\r\n", "N;\r\nBODY\r\n0\r\n\r\n",
        "N;a=\r\nBODY\r\n0\r\n\r\n", "N;=\r\nBODY\r\n0\r\n\r\n", "N;a\nb\r\nBODY\r\n0\r\n\r\n",
        "N;a\rb\r\nBODY\r\n0\r\n\r\n",
        "N\nBODY\r\n0\r\n\r\n", "N\rBODY\r\n0\r\n\r\n", "N\r\nBODY\n0\r\n\r\n", "N\r\nBODY0\r\n\r\n",
        "N\r\nBODY\r\n0\n\n",
        "N\r\nBODY\r\n0\r\n\n", "N\r\nBODY\r\n0\r\n", "N\r\nBODY\r\n", "N\r\nBODY\r\n0\r\nt: v\r\n\r\n",
        "N\r\nBODY\r\n0\r\ncontent-length: 5\r\n\r\n", "N\r\nBODY\r\n0\r\ntransfer-encoding: chunked\r\n\r\n",
        "N\r\nBODY\r\n0\r\nt : v\r\n\r\n", "N\r\nBODY\r\n0\r\n: v\r\n\r\n", "N\r\nBODY\r\n0\r\nt\r\n\r\n",
        "N\r\nBODY\r\n0\r\nt: v\r\n w\r\n\r\n", "-N\r\nBODY\r\n0\r\n\r\n", "+N\r\nBODY\r\n0\r\n\r\n",
        "0xN\r\nBODY\r\n0\r\n\r\n",
        "Nh\r\nBODY\r\n0\r\n\r\n", "\r\nBODY\r\n0\r\n\r\n", ";a\r\nBODY\r\n0\r\n\r\n", "g\r\nBODY\r\n0\r\n\r\n",
        "1\r\nBODY\r\n0\r\n\r\n", "ffff\r\nBODY\r\n0\r\n\r\n", "ffffffffffffffff\r\nBODY\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nBODY\r\n0\r\n\r\n", "10000000000000000N\r\nBODY\r\n0\r\n\r\n",
        "7fffffffffffffff\r\nBODY\r\n0\r\n\r\n",
        "8000000000000000\r\nBODY\r\n0\r\n\r\n", "0\r\n\r\nBODY", "N\r\nBODY\r\n0\r\n\r\n\r\n",
        "N\r\nBODY\r\n-0\r\n\r\n",
        "N\r\nBODY\r\n0\r\nt: \u{0}\r\n\r\n", "N\u{0}\r\nBODY\r\n0\r\n\r\n",
        "191\r\n" + String(repeating: "x", count: 401) + "\r\n0\r\n\r\n",
    ]
}
