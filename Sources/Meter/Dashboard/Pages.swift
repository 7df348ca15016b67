import HTTPTypes
import Hummingbird
import Mustache
import NIOCore

/// The HTML pages, from templates that escape every value.
struct Pages: Sendable {
    /// The templates inside the program, by name; a page fills the blocks of `layout`.
    static let templates: [String: [UInt8]] = [
        "chart": PackageResources.chart_mustache,
        "chart-scripts": PackageResources.chart_scripts_mustache,
        "connection-invited": PackageResources.connection_invited_mustache,
        "connection-key": PackageResources.connection_key_mustache,
        "connection-new": PackageResources.connection_new_mustache,
        "connection-remove": PackageResources.connection_remove_mustache,
        "connection-report": PackageResources.connection_report_mustache,
        "connections": PackageResources.connections_mustache,
        "coverage-calendar": PackageResources.coverage_calendar_mustache,
        "coverage-missing": PackageResources.coverage_missing_mustache,
        "csrf": PackageResources.csrf_mustache,
        "fact": PackageResources.fact_mustache,
        "failure": PackageResources.failure_mustache,
        "figure": PackageResources.figure_mustache,
        "header": PackageResources.header_mustache,
        "invitation": PackageResources.invitation_mustache,
        "key-fields": PackageResources.key_fields_mustache,
        "key-steps": PackageResources.key_steps_mustache,
        "layout": PackageResources.layout_mustache,
        "log": PackageResources.log_mustache,
        "log-missing": PackageResources.log_missing_mustache,
        "log-record": PackageResources.log_record_mustache,
        "login": PackageResources.login_mustache,
        "organization-field": PackageResources.organization_field_mustache,
        "overview": PackageResources.overview_mustache,
        "problem": PackageResources.problem_mustache,
        "report": PackageResources.report_mustache,
        "report-cell": PackageResources.report_cell_mustache,
        "short-time": PackageResources.short_time_mustache,
        "time": PackageResources.time_mustache,
    ]

    private let library: MustacheLibrary

    /// - Throws: `invalid_template`, which names it.
    init(templates: [String: [UInt8]] = Pages.templates) throws(MeterError) {
        StrictHTML.register()
        var library = MustacheLibrary()
        for (name, bytes) in templates {
            do {
                try library.register(StrictHTML.pragma + String(decoding: bytes, as: UTF8.self), named: name)
            } catch {
                throw MeterError(.invalidTemplate, "The template cannot be parsed", at: name, cause: error)
            }
        }
        self.library = library
    }

    /// A page as an answer.
    ///
    /// - Parameter values: Properties or dictionary entries for the template's names.
    /// - Throws: `invalid_template` where there is no template of that name.
    func render(_ name: String, _ values: Any, status: HTTPResponse.Status = .ok) throws(MeterError) -> Response {
        let html = try html(name, values)
        return Response(
            status: status,
            headers: [.contentType: "text/html; charset=utf-8", .contentLength: String(html.utf8.count)],
            body: ResponseBody(byteBuffer: ByteBuffer(string: html))
        )
    }

    /// A page, or a part of one.
    ///
    /// - Throws: `invalid_template` where there is no template of that name.
    func html(_ name: String, _ values: Any) throws(MeterError) -> String {
        guard let html = library.render(PageValues.plain(values) ?? [:], withTemplate: name) else {
            throw MeterError(.invalidTemplate, "There is no template of that name", at: name)
        }
        return html
    }
}

/// Escapes by scalars. The library's own escaping goes by characters as people see them, and would pass a quote that a
/// combining mark follows; browsers do not.
private struct StrictHTML: MustacheContentType {
    private static let name = "CIRCLEMETER_HTML"

    /// Stands at the start of every template.
    static let pragma = "{{% CONTENT_TYPE:\(name)}}"

    static func register() {
        MustacheContentTypes.register(StrictHTML(), named: name)
    }

    func escapeText(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            // HTML has no zero byte; browsers would each make something else of it.
            case "\0": escaped += "\u{fffd}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
