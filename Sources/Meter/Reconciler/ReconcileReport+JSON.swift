import CircleCI
import Usage
import Wire

extension ReconcileReport {
    /// `{"connection","at","added","described","error","projects":[{"project","pipelines","asked","jobs","workflows","open",
    /// "missing":[],"error"}]}`.
    func write(to json: inout JSONWriter, at: Timestamp? = nil) {
        json.object { json in
            json.member("connection", connection)
            if let at { json.member("at", at.description) }
            json.member("added", addedCount)
            json.member("described", describedCount)
            json.member("error", error?.description)
            json.member(
                "projects",
                array: { json in
                    for project in projects { json.object { project.write(to: &$0) } }
                }
            )
        }
    }
}

extension ReconcileReport.Project {
    fileprivate func write(to json: inout JSONWriter) {
        json.member("project", slug)
        json.member("pipelines", pipelineCount)
        json.member("asked", askedCount)
        json.member("jobs", jobCount)
        json.member("workflows", workflowCount)
        json.member("open", openCount)
        json.member(
            "missing",
            array: { json in
                for item in missing { item.write(to: &json) }
            }
        )
        json.member("error", error?.description)
    }
}

extension Reconciliation.MissingItem {
    /// `{"kind","id","pipeline","day","reason"}`.
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("kind", kind)
            json.member("id", id)
            json.member("pipeline", pipeline.id)
            json.member("day", day.description)
            json.member("reason", reason)
        }
    }
}

extension ReconcileProgress {
    /// `{"connection","project","projects_done","projects","pipelines_done","pipelines","added"}`.
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("connection", connection)
            json.member("project", project)
            json.member("projects_done", projectsDone)
            json.member("projects", projectCount)
            json.member("pipelines_done", pipelinesDone)
            json.member("pipelines", pipelineCount)
            json.member("added", addedCount)
        }
    }
}

extension APIEvent {
    /// A line of a plan: `{"planned","project","id","status","stopped_at"}`.
    func writePlanned(project: String, to json: inout JSONWriter) {
        json.object { json in
            json.member("planned", kind == .job ? "job-completed" : "workflow-completed")
            json.member("project", project)
            json.member("id", runID)
            json.member("status", status)
            json.member("stopped_at", stoppedAt?.description)
        }
    }
}
