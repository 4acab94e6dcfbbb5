//! What hyper can do with the fastest parser and allocator at hand: parse the body of a prediction, answer its sum.

use std::convert::Infallible;
use std::io::Write as _;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use sonic_rs::{JsonContainerTrait as _, JsonValueTrait as _, Value};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

async fn predict(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = match request.into_body().collect().await {
        Ok(body) => sum(&body.to_bytes()),
        Err(_) => None,
    };
    let mut response = Response::new(Full::from(answer.clone().unwrap_or_default()));
    if answer.is_none() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

fn sum(body: &[u8]) -> Option<Bytes> {
    let body: Value = sonic_rs::from_slice(body).ok()?;
    let inputs = body["inputs"].as_object()?;
    let sum: f64 = inputs.iter().filter_map(|(_, value)| value.as_f64()).sum();
    let mut answer = Vec::with_capacity(96);
    write!(answer, "{{\"predictions\":[{sum}],\"model\":\"linear\",\"version\":1}}").ok()?;
    Some(answer.into())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9121".to_owned());
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(
            http1::Builder::new()
                .pipeline_flush(true)
                .serve_connection(TokioIo::new(stream), service_fn(predict)),
        );
    }
}
