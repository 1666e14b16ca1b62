//! A function in Rust, built on AWS's own library.

use lambda_runtime::{run, service_fn, Error, LambdaEvent};
use serde_json::{json, Value};

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    if event.payload.get("fail").is_some() {
        return Err("refused".into());
    }
    let text = event.payload["text"].as_str().unwrap_or("");
    Ok(json!({
        "request": event.context.request_id,
        "arn": event.context.invoked_function_arn,
        "left": event.context.deadline > 0,
        "length": text.len(),
        "pid": std::process::id(),
    }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}
