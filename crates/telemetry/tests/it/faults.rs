//! What failed by no fault of a client.

use codeflow_telemetry::{FaultMetrics, GateMetrics};

#[test]
fn panics_and_failures_are_counted_the_latter_by_code() {
    let metrics = FaultMetrics::new();
    metrics.panicked();
    metrics.failed("api.internal");
    metrics.failed("model.timeout");
    metrics.failed("model.timeout");

    let page = metrics.render(&GateMetrics::new().render("", false));

    for line in [
        "# TYPE codeflow_request_panics counter\ncodeflow_request_panics_total 1\n",
        "codeflow_request_failures_total{code=\"api.internal\"} 1\n",
        "codeflow_request_failures_total{code=\"model.timeout\"} 2\n",
    ] {
        assert!(page.contains(line), "{line} is not in {page}");
    }
    assert_eq!(page.matches("# TYPE codeflow_request_failures counter\n").count(), 1);
    assert_eq!((page.matches("# EOF").count(), page.ends_with("# EOF\n")), (1, true));
}

#[test]
fn nobody_having_panicked_is_told_too() {
    let page = FaultMetrics::new().render("");

    assert!(page.contains("codeflow_request_panics_total 0\n"), "{page}");
}
