//! Any request to the control API: an answer, and no change but by an order that says what, for how
//! long and why.
//!
//! The first octet of an input chooses the routes and whether the kernel knows who asks; then come
//! the method and the target on one line, headers on one each, an empty line, and the body.

use std::cell::OnceCell;
use std::fs;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::{Extension, Router};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use meridian::admin::server::Peer;
use meridian::admin::{full, read_only};
use meridian::clock::Clock;
use meridian::config::Environment;
use meridian::control::{Control, Handle, Occasion, Status, load};
use meridian::probe::Prober;
use meridian::serve::Totals;
use meridian::store::Store;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Sends the request that `input` is, if it is one.
pub fn check(input: &[u8]) {
    let Some((&first, text)) = input.split_first() else { return };
    let Some(request) = request(text) else { return };
    let (is_full, is_known) = (first & 1 == 0, first & 2 == 0);
    SERVER.with(|server| {
        let server = server.get_or_init(Server::start);
        let routes = if is_full { &server.full } else { &server.read_only };
        let peer = Peer(is_known.then_some(0));
        server.runtime.block_on(server.check(
            routes.clone().layer(Extension(peer)),
            is_full,
            request,
        ));
    });
}

/// A server without probes, listeners and transports.
struct Server {
    runtime: Runtime,
    control: Handle,
    full: Router,
    read_only: Router,
    _directory: TempDir,
}

thread_local! {
    static SERVER: OnceCell<Server> = const { OnceCell::new() };
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        fs::create_dir(path.join("zones")).unwrap();
        fs::write(path.join("meridian.toml"), SERVER_FILE).unwrap();
        fs::write(path.join("zones/app.example.zone"), ZONE).unwrap();
        fs::write(path.join("zones/app.example.toml"), POLICY).unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let configuration = path.join("meridian.toml");
        let environment = Environment::default();
        let loaded = load::load(&configuration, &environment, None, Occasion::Asked).unwrap();
        let store = Store::open(&path.join("state")).map_err(|error| error.to_string());
        let clock = Clock::start();
        let control = runtime.block_on(async {
            let prober = Prober::new(1, clock);
            Control::spawn(configuration, environment, loaded, store, prober, clock).unwrap()
        });
        let full = full(control.clone(), Totals::default());
        let read_only = read_only(control.clone(), Totals::default());
        Self { runtime, control, full, read_only, _directory: directory }
    }

    async fn check(&self, routes: Router, is_full: bool, request: Request<Body>) {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let before = self.status().await;
        let response = TowerToHyperService::new(routes).call(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let status = head.status;
        assert!(!status.is_server_error(), "{status}: {}", body.escape_ascii());
        let kind = head.headers.get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        let is_json = kind.is_some_and(|kind| kind.starts_with("application/json"));
        let has_body = method != Method::HEAD;
        let told: Option<Value> =
            (is_json && has_body).then(|| serde_json::from_slice(&body).unwrap());
        if status.is_client_error() && status != StatusCode::UNPROCESSABLE_ENTITY {
            let error = told.as_ref().and_then(|told| told["error"].as_str());
            assert!(
                !has_body || error.is_some_and(|error| !error.is_empty()),
                "{status} without a word"
            );
        }
        let after = self.status().await;
        let is_order = is_full && path == "/v1/overrides" && status == StatusCode::OK;
        let gives = is_order && method == Method::POST;
        let clears = is_order && method == Method::DELETE;
        let reloads = is_full && path == "/v1/reload" && method == Method::POST;
        if !gives && !clears {
            assert_eq!(before.overrides, after.overrides, "{method} {path} changed overrides");
        }
        if !gives && !clears && !reloads {
            assert_eq!(before.generation, after.generation, "{method} {path}");
        }
        assert_eq!(gives, after.overrides.len() > before.overrides.len(), "given and in force");
        for order in &after.overrides {
            assert!(!order.reason.trim().is_empty() && !order.by.is_empty());
            assert!(order.until > order.given_at && !order.targets.is_empty());
            self.control.clear(order.given.clone(), "uid 0".into()).await.unwrap();
        }
        assert_eq!(self.status().await.overrides, []);
    }

    async fn status(&self) -> Status {
        self.control.status().await.unwrap()
    }
}

/// `text` as a request.
fn request(text: &[u8]) -> Option<Request<Body>> {
    let (mut request, mut rest) = (None, text);
    loop {
        let (line, tail) = match rest.iter().position(|octet| *octet == b'\n') {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, &rest[rest.len()..]),
        };
        rest = tail;
        let Some(begun) = request.take() else {
            let space = line.iter().position(|octet| *octet == b' ')?;
            request = Some(Request::builder().method(&line[..space]).uri(&line[space + 1..]));
            continue;
        };
        if line.is_empty() {
            return begun.body(Body::from(rest.to_vec())).ok();
        }
        let colon = line.iter().position(|octet| *octet == b':')?;
        request = Some(begun.header(&line[..colon], &line[colon + 1..]));
    }
}

const SERVER_FILE: &str = r#"
geoip.databases = []
server.watch = false
az.mumbai.location = [19.08, 72.88]
az.tokyo.location = [35.68, 139.69]
"#;

const ZONE: &str = "\
$TTL 1h
@ SOA ns host 1 2h 30m 2w 30
@ NS ns
ns A 192.0.2.53
";

const POLICY: &str = r#"
[names]
www = "web"
shop = "shop"
[pool.web]
endpoints.mumbai = ["203.0.113.10", "2001:db8::10"]
endpoints.tokyo = ["203.0.113.60", "203.0.113.61", "2001:db8::60"]
[pool.shop]
policy = "weighted"
endpoints.mumbai = ["203.0.113.10"]
endpoints.tokyo = ["203.0.113.62"]
"#;
