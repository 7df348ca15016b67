import Testing
import Wire

/// JSON for people is the same JSON.
struct JSONIndentationTests {
    private func indented(_ json: String, upTo limit: Int = .max) -> String {
        String(decoding: JSONIndentation.indented(Array(json.utf8), upTo: limit), as: UTF8.self)
    }

    @Test func `objects and arrays have a line for each member, strings are left alone`() {
        #expect(
            indented(#"{"a":[1,{}],"b":"x,{\"y\":[]}","c":[]}"#)
                == "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": \"x,{\\\"y\\\":[]}\",\n  \"c\": []\n}\n"
        )
        #expect(indented("[]") == "[]\n")
        #expect(indented("[[[]]]") == "[\n  [\n    []\n  ]\n]\n")
    }

    @Test func `about as many bytes are made as are asked for, however deep it is`() {
        let depth = 126
        let deep = String(repeating: "[", count: depth) + String(repeating: "0,", count: 100_000) + "0"
        let bytes = JSONIndentation.indented(Array(deep.utf8), upTo: 4096)
        #expect(bytes.count > 4096 && bytes.count < 4096 + 2 * depth + 8)
    }
}
