//! The place that an execution needs under its key, where its workflow limits how many run at once.

use codeflow_core::workflow::Workflow;
use codeflow_expr::ErrorKind as ExprErrorKind;
use serde_json::Value;

use crate::ports::Slot;
use crate::scope::{Steps, roots};
use crate::{Error, ErrorKind};

/// How long a key may be.
const MAX_KEY_BYTES: usize = 1024;

/// The place that an execution with these inputs needs. A key that reads what only a trigger gives, such as a pull
/// request, says nothing about an execution that was started otherwise: that one needs none.
pub(crate) fn slot(workflow: &Workflow, inputs: &Value) -> Result<Option<Slot>, Error> {
    let Some(concurrency) = &workflow.concurrency else { return Ok(None) };
    let (steps, about) = (Steps::none(), serde_json::json!({ "workflow": workflow.name }));
    let key = match concurrency.key.evaluate(&roots(inputs, &steps, &about)) {
        Ok(key) => key,
        Err(error) if error.kind() == ExprErrorKind::MissingKey => return Ok(None),
        Err(error) => {
            let text = format!("`concurrency.key` of workflow `{}` cannot be evaluated", workflow.name);
            return Err(Error::with_source(ErrorKind::InvalidInput, text, error));
        }
    };
    let key = format!("{}:{key}", workflow.tenant.scoped(workflow.name.as_str()));
    if key.len() > MAX_KEY_BYTES {
        let text = format!(
            "`concurrency.key` of workflow `{}` gives more than {MAX_KEY_BYTES} bytes",
            workflow.name
        );
        return Err(Error::new(ErrorKind::InvalidInput, text));
    }
    Ok(Some(Slot { key, most: concurrency.most, on_new: concurrency.on_new }))
}
