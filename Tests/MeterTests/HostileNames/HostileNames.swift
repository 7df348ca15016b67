/// Names as nobody should give them: every way of breaking out in every wrapping.
enum HostileNames {
    /// At the end of each name, so that what is shown of it is found again wherever it is.
    static let mark = "zq"

    private static let bases = [
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "</title><b>",
        "</script>",
        "<!--", "<![CDATA[x]]>", "<style>*{display:none}</style>", "javascript:alert(1)", "data:text/html,<b>x",
        "x\" onmouseover=\"alert(1)", "x' onfocus='alert(1)' autofocus='", "`onclick=alert(1)", "{{csrfToken}}",
        "{{{style}}}", "{{#navigation}}", "{{> header}}", "{{/body}}", "=HYPERLINK(\"http://x\",\"y\")", "+1", "-2+3",
        "@SUM(1)", "\t=1", "\r=1", "a,b;=1", "\u{ff1d}1+1", "\",\"x\":\"", "\\\",\\u0022", "line\nbreak\r\nand\rreturn",
        "\u{0}nul\u{1}\u{1b}[31m\u{7f}",
        "\u{1f4a5}\u{1f468}\u{200d}\u{1f469}\u{fe0f}", "\u{202e}gnp.exe\u{2066}", "\u{200b}\u{feff}\u{2060}",
        "\u{ffff}\u{10ffff}",
        "\u{2028}\u{2029}\u{85}", "%3Cscript%3E%00%2e%2e%2f", "../../etc/passwd", "caf\u{e9}", "cafe\u{301}",
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
        "'; DROP TABLE jobs; --", "&lt;b&gt;&amp;&#60;", "\\N\\0", "expression(alert(1))}*{x:y", "  spaces  ",
    ]

    private static let wrappings: [@Sendable (String) -> String] = [
        { $0 }, { "\">\($0)" }, { "'>\($0)" }, { "</bdi></td>\($0)" }, { "\"\u{300}\($0)" },
    ]

    /// At least 200, each another one by its number.
    static let all: [String] = {
        let long = [String(repeating: "<b>long ", count: 500), String(repeating: "W", count: 4000)]
        let names = bases.flatMap { base in wrappings.map { $0(base) } } + long
        return names.enumerated().map { "\($1)\(mark)\($0)" }
    }()

    /// As many that harm nobody.
    static let harmless = all.indices.map { "name\(mark)\($0)" }
}
