extension RequestForge {
    /// One implementation in front of another that reads the length otherwise would execute the second delivery.
    static let smugglings: [Form] = [
        Form(name: "CL.TE") { forge in
            let inner = forge.smuggled()
            return forge.framed { _ in
                "content-length: \(5 + inner.utf8.count)\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n\(inner)"
            }
        },
        Form(name: "TE.CL") { forge in
            let inner = forge.smuggled()
            let size = String(inner.utf8.count, radix: 16)
            return forge.framed { _ in
                "transfer-encoding: chunked\r\ncontent-length: \(size.utf8.count + 2)\r\n\r\n\(size)\r\n\(inner)\r\n0\r\n\r\n"
            }
        },
        Form(name: "CL.0") { forge in
            let inner = forge.smuggled()
            return "POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: \(inner.utf8.count)\r\n\r\n\(inner)"
        },
        Form(name: "GET with a body") { forge in
            let inner = forge.smuggled()
            return "GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: \(inner.utf8.count)\r\n\r\n\(inner)"
        },
        Form(name: "HEAD with a body in chunks") { forge in
            let inner = forge.smuggled()
            return "HEAD /healthz HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n\(forge.chunked(inner))"
        },
        Form(name: "0.CL") { forge in
            let inner = forge.smuggled()
            return "GET /con HTTP/1.1\r\nhost: x\r\ncontent-length : \(inner.utf8.count)\r\n\r\n\(inner)"
        },
        Form(name: "TE.0") { forge in
            let inner = forge.smuggled()
            let chunks = forge.chunked(inner)
            return forge.framed { _ in "transfer-encoding: chunked\r\n\r\n\(chunks)" }
        },
        Form(name: "unsigned, with a body that is a delivery") { forge in
            let inner = forge.smuggled()
            return post + host + "content-length: \(inner.utf8.count)\r\n\r\n\(inner)"
        },
        Form(name: "unknown connection, with a body that is a delivery") { forge in
            let inner = forge.smuggled()
            return "POST /webhooks/circleci/none HTTP/1.1\r\ncontent-length: \(inner.utf8.count)\r\n\r\n\(inner)"
        },
        Form(name: "a chunk extension that holds a line end") { forge in
            let inner = forge.smuggled()
            return forge.framed { body in "transfer-encoding: chunked\r\n\r\n2;\n\(inner)\r\n0\r\n\r\n\(body)" }
        },
        Form(name: "Expect, then the body, then another") { forge in
            let first = forge.framed { "expect: 100-continue\r\ncontent-length: \($0.utf8.count)\r\n\r\n\($0)" }
            return first + forge.smuggled()
        },
        Form(name: "Expect on a GET that hides a delivery") { forge in
            let inner = forge.smuggled()
            return
                "GET /healthz HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: \(inner.utf8.count)\r\n\r\n\(inner)"
        },
        Form(name: "HTTP/1.0 in chunks") { forge in
            let (text, field) = forge.body()
            return "POST /webhooks/circleci/acme HTTP/1.0\r\n\(field)transfer-encoding: chunked\r\n\r\n"
                + forge.chunked(text) + forge.smuggled()
        },
        Form(name: "HTTP/1.0 kept alive") { forge in
            forge.delivery(line: "POST /webhooks/circleci/acme HTTP/1.0\r\n", fields: "connection: keep-alive\r\n")
                + forge.delivery()
        },
        Form(name: "a length that is a field's name, too") { forge in
            let inner = forge.smuggled()
            return forge.framed { _ in "x: y\r\n\rcontent-length: \(inner.utf8.count)\r\n\r\n\(inner)" }
        },
        Form(name: "upgrade, then a delivery") { forge in
            "GET /healthz HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n" + forge.smuggled()
        },
        Form(name: "CONNECT, then a delivery") { "CONNECT x:80 HTTP/1.1\r\n\r\n" + $0.smuggled() },
        Form(name: "the preface of HTTP/2, then a delivery") { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + $0.smuggled() },
        Form(name: "TLS, then a delivery") { "\u{16}\u{3}\u{1}\u{0}\u{5}" + $0.smuggled() },
        Form(name: "nothing") { _ in "" },
    ]

    static let pipelines: [Form] = [
        Form(name: "two") { $0.delivery() + $0.delivery() },
        Form(name: "ten") { forge in (0..<10).map { _ in forge.delivery() }.joined() },
        Form(name: "good, bad, good") { $0.delivery() + "bad\r\n\r\n" + $0.delivery() },
        Form(name: "empty lines between") { $0.delivery() + "\r\n\r\n" + $0.delivery() },
        Form(name: "a line feed between") { $0.delivery() + "\n" + $0.delivery() },
        Form(name: "one byte too many") { $0.delivery() + "x" + $0.delivery() },
        Form(name: "close between") { $0.delivery(fields: "connection: close\r\n") + $0.delivery() },
        Form(name: "Close between") { $0.delivery(fields: "Connection: x, Close\r\n") + $0.delivery() },
        Form(name: "HTTP/1.0 between") {
            $0.delivery(line: "POST /webhooks/circleci/acme HTTP/1.0\r\n") + $0.delivery()
        },
        Form(name: "after 404 and 405 with bodies") { forge in
            "POST /none HTTP/1.1\r\ncontent-length: 4\r\n\r\nGET " + "GET /webhooks/circleci/acme HTTP/1.1\r\n"
                + "content-length: 3\r\n\r\nabc" + forge.delivery()
        },
        Form(name: "after HEAD") { "HEAD /healthz HTTP/1.1\r\n\r\nHEAD /none HTTP/1.1\r\n\r\n" + $0.delivery() },
        Form(name: "in chunks, twice") { forge in
            var all = ""
            for _ in 0..<2 {
                let (text, field) = forge.body()
                all += post + host + field + "transfer-encoding: chunked\r\n\r\n" + forge.chunked(text)
            }
            return all
        },
        Form(name: "too large between") { forge in
            forge.delivery() + post + "circleci-signature: v1=0\r\ncontent-length: 401\r\n\r\n"
                + String(repeating: "x", count: 401) + forge.delivery()
        },
        Form(name: "many health checks") { _ in String(repeating: health, count: 10) },
    ]
}
