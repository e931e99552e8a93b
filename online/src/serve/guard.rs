//! Who may ask: since a loopback service has no authentication, a web page that the user happens to visit must
//! not reach it through the user's browser, neither across origins nor by a name that it rebinds to loopback.

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::net::IpAddr;
use tonic::Status;

/// Lets a request through where its host is a loopback one and its origin, if it has one, is that host.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    match check(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) if is_grpc(request.headers()) => {
            super::errors::other(tonic::Code::PermissionDenied, "FOREIGN_ORIGIN", problem).into_http()
        }
        Err(problem) => (StatusCode::FORBIDDEN, problem + "\n").into_response(),
    }
}

/// Whether the request is one of gRPC or gRPC-Web.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.starts_with("application/grpc"))
}

/// The answer to a gRPC call of a method that there is not.
pub(super) fn unimplemented(uri: &Uri) -> Response {
    Status::unimplemented(format!("there is no method {}", uri.path())).into_http()
}

fn check(uri: &Uri, headers: &HeaderMap) -> Result<(), String> {
    let from_header = match headers.get(header::HOST) {
        Some(value) => {
            let parsed = value.to_str().ok().and_then(|text| text.parse::<Authority>().ok());
            Some(parsed.ok_or_else(|| "the Host header is not a host".to_owned())?)
        }
        None => None,
    };
    let hosts: Vec<&Authority> = uri.authority().into_iter().chain(&from_header).collect();
    let Some(host) = hosts.first() else {
        return Err("the request names no host".to_owned());
    };
    if let Some(foreign) = hosts.iter().find(|host| !is_loopback(host.host())) {
        let name: String = foreign.as_str().chars().take(80).collect();
        return Err(format!(
            "host `{name}` is not this service's: it answers to localhost, 127.0.0.1 and [::1] alone"
        ));
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let own = format!("http://{host}");
    if origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()) {
        return Ok(());
    }
    let origin: String = String::from_utf8_lossy(origin.as_bytes()).chars().take(80).collect();
    Err(format!("web pages of origin `{origin}` may not use this service; allowed is its own, `{own}`"))
}

fn is_loopback(host: &str) -> bool {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => {
            let name = name.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(uri: &str, headers: &[(&str, &str)]) -> Result<(), String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(header::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        check(&uri.parse().unwrap(), &map)
    }

    #[test]
    fn loopback_hosts_and_the_own_origin_pass() {
        for host in
            ["localhost", "127.0.0.1:8750", "127.9.9.9", "[::1]:8750", "LOCALHOST:1", "kizashi.localhost"]
        {
            checked("/", &[("host", host)]).unwrap();
            checked("/", &[("host", host), ("origin", &format!("http://{host}"))]).unwrap();
        }
        checked("http://localhost:8750/kizashi.v1.Alerts/ListAlerts", &[]).unwrap();
    }

    #[test]
    fn foreign_hosts_and_origins_are_refused() {
        for host in
            ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil.example:8750", "[::2]"]
        {
            assert!(checked("/", &[("host", host)]).unwrap_err().contains("is not this service's"), "{host}");
        }
        for origin in ["http://evil.example", "null", "https://localhost:8750", "http://localhost:8751", ""] {
            let refused = checked("/", &[("host", "localhost:8750"), ("origin", origin)]);
            assert!(refused.unwrap_err().contains("`http://localhost:8750`"), "{origin}");
        }
        assert!(checked("/", &[]).is_err());
        assert!(checked("http://localhost/", &[("host", "evil.example")]).is_err());
    }
}
