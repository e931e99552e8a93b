//! The dashboard: a web app (`web/`), built by the build script and embedded here.
//!
//! The app talks gRPC-Web to the origin it was loaded from, and to nothing else: the content security
//! policy sent with every answer forbids the rest.

use http::{HeaderValue, Response, StatusCode, header};

/// One file of the built app.
struct Asset {
    /// Its path below the origin, with the leading slash.
    path: &'static str,
    bytes: &'static [u8],
    /// The same bytes compressed, where that makes them fewer.
    gzip: Option<&'static [u8]>,
}

/// Ordered by path.
static ASSETS: &[Asset] = &include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The page that every route of the app starts from.
const INDEX: &str = "/index.html";

/// Files below this path carry a hash of their content in their name, so they never change.
const HASHED: &str = "/assets/";

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Answers a GET or HEAD of `path`: the path of the request without its query, still percent-encoded.
///
/// `accept_encoding` is the request's header of that name. A path that is no file of the app gets the app's
/// page, whose router takes it from there; below `/assets/` it is not found, since a page of an older version
/// may ask for what is gone.
pub fn respond(path: &str, accept_encoding: Option<&str>) -> Response<&'static [u8]> {
    let asset = match find(path) {
        Some(asset) => asset,
        None if path.starts_with(HASHED) => {
            let answer = Response::builder().status(StatusCode::NOT_FOUND);
            return with_common_headers(answer, "text/plain; charset=utf-8", "no-store", b"not found\n");
        }
        None => find(INDEX).expect("the build has an index.html"),
    };
    let cache_control =
        if asset.path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut answer = Response::builder().status(StatusCode::OK);
    let mut bytes = asset.bytes;
    if let Some(gzip) = asset.gzip {
        answer = answer.header(header::VARY, "accept-encoding");
        if accept_encoding.is_some_and(accepts_gzip) {
            answer = answer.header(header::CONTENT_ENCODING, "gzip");
            bytes = gzip;
        }
    }
    with_common_headers(answer, content_type(asset.path), cache_control, bytes)
}

fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok().map(|index| &ASSETS[index])
}

fn with_common_headers(
    answer: http::response::Builder,
    content_type: &'static str,
    cache_control: &'static str,
    bytes: &'static [u8],
) -> Response<&'static [u8]> {
    answer
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()))
        .header(header::CACHE_CONTROL, cache_control)
        .header(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::REFERRER_POLICY, "no-referrer")
        .body(bytes)
        .expect("all headers are valid")
}

/// Whether an Accept-Encoding header allows gzip (RFC 9110, section 12.5.3).
fn accepts_gzip(header: &str) -> bool {
    let quality_of = |wanted: &str| {
        header.split(',').find_map(|coding| {
            let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
            let quality =
                parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.trim().parse::<f32>().ok());
            name.trim().eq_ignore_ascii_case(wanted).then_some(quality.unwrap_or(0.0))
        })
    };
    quality_of("gzip").or_else(|| quality_of("*")).is_some_and(|quality| quality > 0.0)
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header<'a>(answer: &'a Response<&'static [u8]>, name: &str) -> &'a str {
        answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn every_route_of_the_app_gets_its_page() {
        for path in ["/", "/index.html", "/series", "/series/host%2Fcpu.user", "/state", "/no/such/page"] {
            let answer = respond(path, None);
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8", "{path}");
            assert_eq!(header(&answer, "cache-control"), "no-cache", "{path}");
            assert!(answer.body().starts_with(b"<!doctype html>"), "{path}");
        }
    }

    #[test]
    fn hashed_files_are_cached_for_good_and_missing_ones_are_not_found() {
        let script =
            ASSETS.iter().find(|asset| asset.path.ends_with(".js") && asset.path.starts_with(HASHED));
        let answer = respond(script.expect("the build has a script").path, None);
        assert_eq!(header(&answer, "cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(header(&answer, "content-type"), "text/javascript; charset=utf-8");
        let missing = respond("/assets/index-00000000.js", None);
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
        assert_eq!(header(&missing, "cache-control"), "no-store");
    }

    #[test]
    fn all_answers_carry_the_policy_a_known_type_and_their_length() {
        for path in ASSETS.iter().map(|asset| asset.path).chain(["/", "/assets/none.js"]) {
            for encoding in [None, Some("gzip")] {
                let answer = respond(path, encoding);
                assert_eq!(header(&answer, "content-length"), answer.body().len().to_string(), "{path}");
                assert_ne!(header(&answer, "content-type"), "application/octet-stream", "{path}");
                assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{path}");
                let policy = header(&answer, "content-security-policy");
                assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{path}");
            }
        }
    }

    #[test]
    fn compresses_only_for_those_who_can_read_it() {
        let plain = respond("/", None);
        assert_eq!((header(&plain, "content-encoding"), header(&plain, "vary")), ("", "accept-encoding"));
        let gzip = respond("/", Some("br, gzip"));
        assert_eq!(header(&gzip, "content-encoding"), "gzip");
        assert!(gzip.body().starts_with(&[0x1f, 0x8b]) && gzip.body().len() < plain.body().len());
        for (accepted, value) in
            [(true, "*"), (true, "GZIP;q=0.5"), (false, "br"), (false, "gzip;q=0, *"), (false, "")]
        {
            assert_eq!(accepts_gzip(value), accepted, "{value:?}");
        }
    }

    #[test]
    fn the_page_asks_no_other_host() {
        let page = std::str::from_utf8(respond("/", None).into_body()).unwrap();
        assert!(!page.contains("//"), "an absolute URL in {page}");
        let styles = ASSETS.iter().filter(|asset| asset.path.ends_with(".css"));
        for asset in styles {
            let text = std::str::from_utf8(asset.bytes).unwrap();
            assert!(!text.contains("url(") && !text.contains("@import"), "{}", asset.path);
        }
    }
}
