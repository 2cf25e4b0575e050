//! The page's files, as they are: nothing is built.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, type and content of each.
const FILES: [(&str, &str, &str); 24] = [
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/layout.css", STYLE, include_str!("page/layout.css")),
    ("/style.css", STYLE, include_str!("page/style.css")),
    ("/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
    ("/broker.js", SCRIPT, include_str!("page/broker.js")),
    ("/chinese.js", SCRIPT, include_str!("page/chinese.js")),
    ("/console.js", SCRIPT, include_str!("page/console.js")),
    ("/details.js", SCRIPT, include_str!("page/details.js")),
    ("/device.js", SCRIPT, include_str!("page/device.js")),
    ("/devices.js", SCRIPT, include_str!("page/devices.js")),
    ("/dom.js", SCRIPT, include_str!("page/dom.js")),
    ("/english.js", SCRIPT, include_str!("page/english.js")),
    ("/frame.js", SCRIPT, include_str!("page/frame.js")),
    ("/graphs.js", SCRIPT, include_str!("page/graphs.js")),
    ("/histogram.js", SCRIPT, include_str!("page/histogram.js")),
    ("/list.js", SCRIPT, include_str!("page/list.js")),
    ("/place.js", SCRIPT, include_str!("page/place.js")),
    ("/reasons.js", SCRIPT, include_str!("page/reasons.js")),
    ("/rows.js", SCRIPT, include_str!("page/rows.js")),
    ("/sessions.js", SCRIPT, include_str!("page/sessions.js")),
    ("/sorting.js", SCRIPT, include_str!("page/sorting.js")),
    ("/switches.js", SCRIPT, include_str!("page/switches.js")),
    ("/virtual.js", SCRIPT, include_str!("page/virtual.js")),
    ("/words.js", SCRIPT, include_str!("page/words.js")),
];

/// A router that serves them.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, content)| {
        router.route(path, get(move || async move { ([(CONTENT_TYPE, kind)], content) }))
    })
}
