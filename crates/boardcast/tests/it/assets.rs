//! The board in the browser as it goes over the wire: the page and every file it names, in the forms
//! that browsers ask for, under rules that let nothing foreign in; and the same from a folder. What is
//! asserted of the page holds with and without an interface built in; what of its files, of those
//! that are.

use crate::app::TestApp;
use crate::program::{check_refused, place, run};
use boardcast::http::embedded_names;
use boardcast_sim::client::{Answer, Request};
use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::Path;

const PAGES: [&str; 6] = [
    "/",
    "/b",
    "/b/",
    "/b/board-1",
    "/b/x/tasks/y",
    "/b/a%20b?c=d",
];

async fn get(app: &TestApp, path: &str, accepts: &str) -> Answer {
    let request = Request::new("GET", path).header("Accept-Encoding", accepts);
    app.send(request).await.expect(200)
}

async fn get_if_not(app: &TestApp, path: &str, tag: &str) -> Answer {
    let request = Request::new("GET", path).header("If-None-Match", tag);
    app.send(request).await
}

#[track_caller]
fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let value = answer.header(name);
    value.unwrap_or_else(|| panic!("no {name} in {:?}", answer.headers))
}

/// The rules of the content security policy, each with what it allows.
fn policy(answer: &Answer) -> Vec<(&str, Vec<&str>)> {
    let rules = header(answer, "content-security-policy").split(';');
    let words = rules.map(|rule| rule.split_whitespace());
    words
        .map(|mut words| (words.next().expect("a name"), words.collect()))
        .collect()
}

fn is_html(answer: &Answer) -> bool {
    header(answer, "content-type").starts_with("text/html")
        || answer.text().to_lowercase().contains("<html")
}

/// Every address that a page or a file names in quotes, of ours.
fn named_in(text: &str) -> Vec<String> {
    let quoted = text.split(['"', '\'', '`', '(', ')']);
    let ours = quoted.filter(|part| part.starts_with("/assets/"));
    ours.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_at_the_root_and_everywhere_below_b() {
    let app = TestApp::start().await;
    let page = app.get("/").await.expect(200);
    assert!(page.text().contains("<title>Boardcast</title>"));
    for path in PAGES {
        let same = app.get(path).await.expect(200);
        assert_eq!(same.body, page.body, "{path}");
        assert_eq!(header(&same, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&same, "cache-control"), "no-cache", "{path}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_may_use_what_comes_from_here_and_nothing_else() {
    let app = TestApp::start().await;
    for path in PAGES {
        let page = app.get(path).await.expect(200);
        assert!(!header(&page, "content-security-policy").contains("unsafe"));
        let ours = vec!["'self'"];
        let nobody = vec!["'none'"];
        let expected = [
            ("default-src", nobody.clone()),
            ("script-src", ours.clone()),
            ("style-src", ours.clone()),
            ("img-src", ours.clone()),
            ("connect-src", ours),
            ("base-uri", nobody.clone()),
            ("form-action", nobody.clone()),
            ("frame-ancestors", nobody),
            ("require-trusted-types-for", vec!["'script'"]),
            ("trusted-types", vec!["svelte-trusted-html"]),
        ];
        assert_eq!(policy(&page), expected, "{path}");
        assert_eq!(header(&page, "x-content-type-options"), "nosniff");
        assert_eq!(header(&page, "referrer-policy"), "no-referrer");
        assert_eq!(header(&page, "cross-origin-opener-policy"), "same-origin");
        assert!(header(&page, "permissions-policy").contains("camera=()"));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_holds_nothing_that_its_policy_forbids() {
    let app = TestApp::start().await;
    let page = app.get("/").await.expect(200).text();
    for part in page.split("<script").skip(1) {
        let (tag, rest) = part.split_once('>').expect("a tag");
        assert!(tag.contains(" src=\"/assets/"), "{tag}");
        assert!(rest.trim_start().starts_with("</script>"), "{rest}");
    }
    for forbidden in [
        "<style",
        " style=",
        " onload=",
        "javascript:",
        "data:",
        "//",
    ] {
        let text = page.replace("http://localhost:3000", "");
        assert!(!text.contains(forbidden), "{forbidden} in {text}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_file_that_the_page_leads_to_is_served_and_kept_for_ever() {
    let app = TestApp::start().await;
    let page = app.get("/").await.expect(200).text();
    let mut names = named_in(&page);
    let embedded = embedded_names().filter(|name| name.starts_with("assets/"));
    names.extend(embedded.map(|name| format!("/{name}")));
    assert_eq!(names.is_empty(), embedded_names().count() == 0);
    let mut at = 0;
    while let Some(name) = names.get(at).cloned() {
        let file = app.get(&name).await.expect(200);
        let caching = "public, max-age=31536000, immutable";
        assert_eq!(header(&file, "cache-control"), caching, "{name}");
        assert_eq!(header(&file, "x-content-type-options"), "nosniff");
        let content_type = match name.rsplit_once('.').expect("an end").1 {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            "woff2" => "font/woff2",
            "png" => "image/png",
            end => panic!("what is {end}?"),
        };
        assert_eq!(header(&file, "content-type"), content_type, "{name}");
        for found in named_in(&file.text()) {
            if !names.contains(&found) {
                names.push(found);
            }
        }
        at += 1;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_the_same_whatever_it_is_compressed_with() {
    let app = TestApp::start().await;
    let names = embedded_names().map(|name| format!("/{}", name.replace("index.html", "")));
    for path in names.chain(["/".to_owned()]) {
        let plain = get(&app, &path, "identity").await;
        assert_eq!(plain.header("content-encoding"), None);
        let mut tags = vec![header(&plain, "etag").to_owned()];
        for coding in ["br", "gzip"] {
            let answer = get(&app, &path, coding).await;
            assert_eq!(header(&answer, "vary"), "accept-encoding");
            let content = match answer.header("content-encoding") {
                Some("br") if coding == "br" => unbrotli(&answer.body),
                Some("gzip") if coding == "gzip" => ungzip(&answer.body),
                // What doesn't get smaller stays as it is.
                None => answer.body.clone(),
                Some(other) => panic!("{other} for {coding}"),
            };
            assert_eq!(content, plain.body, "{path} in {coding}");
            if answer.header("content-encoding").is_some() {
                assert!(answer.body.len() < plain.body.len(), "{path} in {coding}");
                tags.push(header(&answer, "etag").to_owned());
            }
            let forbidden = get(&app, &path, &format!("{coding};q=0")).await;
            assert_eq!(forbidden.header("content-encoding"), None);
            assert_eq!(forbidden.body, plain.body);
        }
        let count = tags.len();
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), count, "each form of {path} has its own tag");
    }
    app.stop().await;
}

fn unbrotli(bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    let mut reader = brotli_decompressor::Decompressor::new(bytes, 4096);
    reader.read_to_end(&mut content).expect("Brotli");
    content
}

fn ungzip(bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(bytes);
    reader.read_to_end(&mut content).expect("gzip");
    content
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_a_file_is_told_that_it_is_the_same() {
    let app = TestApp::start().await;
    let names = embedded_names().map(|name| format!("/{}", name.replace("index.html", "")));
    for path in names.chain(["/b/board-1".to_owned()]) {
        let whole = app.get(&path).await.expect(200);
        let tag = header(&whole, "etag");
        for known in [tag, &format!("W/{tag}"), &format!("\"x\", {tag}")] {
            let same = get_if_not(&app, &path, known).await.expect(304);
            assert!(same.body.is_empty());
            assert_eq!(header(&same, "etag"), tag);
            let (caching, vary) = (header(&whole, "cache-control"), header(&whole, "vary"));
            assert_eq!(header(&same, "cache-control"), caching);
            assert_eq!(header(&same, "vary"), vary);
        }
        let other = get_if_not(&app, &path, "\"x\"").await.expect(200);
        assert_eq!(other.body, whole.body);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_answers_as_get_does_without_the_body() {
    let app = TestApp::start().await;
    let names = embedded_names().map(|name| format!("/{}", name.replace("index.html", "")));
    for path in names.chain(["/b/board-1".to_owned()]) {
        let head = |method: &str| Request::new(method, &path).header("Accept-Encoding", "br, gzip");
        let whole = app.send(head("GET")).await.expect(200);
        let only_head = app.send(head("HEAD")).await.expect(200);
        assert!(only_head.body.is_empty());
        for name in [
            "content-length",
            "content-type",
            "content-encoding",
            "etag",
            "cache-control",
            "content-security-policy",
        ] {
            assert_eq!(only_head.header(name), whole.header(name), "{name} {path}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_does_not_exist_is_a_problem_and_no_page() {
    let app = TestApp::start().await;
    for path in [
        "/assets/nothing.js",
        "/assets/",
        "/assets",
        "/assets/../index.html",
        "/assets/%2e%2e/index.html",
        "/index.html",
        "/favicon.png",
        "/bx",
        "/B/board-1",
    ] {
        let answer = app.get(path).await.expect(404);
        assert_eq!(answer.json()["code"], "not_found", "{path}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_never_answers_with_a_page_whatever_a_browser_accepts() {
    let app = TestApp::start().await;
    let accepts = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for path in [
        "/boards",
        "/boards/",
        "/boards/board-1",
        "/boards/x",
        "/boards/board-1/deleted",
        "/boards/board-1/events?snapshot=2",
        "/boards/x/y/z",
        "/lists/list-todo",
        "/tasks/task-try",
        "/tasks/nothing",
        "/events",
        "/healthz",
        "/nothing",
    ] {
        let request = Request::new("GET", path).header("Accept", accepts);
        let answer = app.send(request).await;
        assert!(!is_html(&answer), "{path}: {}", answer.text());
        assert!(header(&answer, "content-type").ends_with("json"), "{path}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_for_our_hosts_alone_but_a_link_may_lead_to_it_from_anywhere() {
    let app = TestApp::start().await;
    for path in PAGES {
        let foreign = Request::new("GET", path).header("Host", "evil.example");
        let refused = app.send(foreign).await.expect(421);
        assert_eq!(refused.json()["code"], "wrong_host");
    }
    for path in ["/", "/b/board-1", "/b/events"] {
        let linked = Request::new("GET", path).header("Sec-Fetch-Site", "cross-site");
        app.send(linked).await.expect(200);
    }
    app.stop().await;
}

#[test]
fn neither_sources_nor_maps_of_them_are_compiled_in() {
    let maps = embedded_names().filter(|name| name.ends_with(".map") || name.ends_with(".ts"));
    assert_eq!(maps.collect::<Vec<_>>(), Vec::<&str>::new());
}

/// A folder as `npm run build` leaves it, and a file beside it that is nobody's business.
fn a_built_folder(around: &Path) -> std::path::PathBuf {
    let folder = around.join("dist");
    fs::create_dir_all(folder.join("assets")).unwrap();
    fs::write(folder.join("index.html"), "<title>one</title>").unwrap();
    fs::write(folder.join("assets/a-1.js"), "one()").unwrap();
    fs::write(folder.join("assets/a-1.js.br"), "stale").unwrap();
    fs::write(folder.join("favicon.ico"), "icon").unwrap();
    fs::write(folder.join(".env.js"), "hidden").unwrap();
    fs::write(around.join("secret.js"), "secret").unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_is_served_instead_and_a_change_in_it_at_once() {
    let around = tempfile::tempdir().unwrap();
    let folder = a_built_folder(around.path());
    let app = TestApp::start_with(|args| args.web_dir = Some(folder.clone())).await;
    for (path, name, content_type) in [
        ("/", "index.html", "text/html; charset=utf-8"),
        ("/b/board-1", "index.html", "text/html; charset=utf-8"),
        (
            "/assets/a-1.js",
            "assets/a-1.js",
            "text/javascript; charset=utf-8",
        ),
        ("/favicon.ico", "favicon.ico", "image/x-icon"),
    ] {
        for content in ["first", "second and longer"] {
            fs::write(folder.join(name), content).unwrap();
            let answer = get(&app, path, "br, gzip").await;
            assert_eq!(answer.text(), content, "{path}");
            assert_eq!(header(&answer, "content-type"), content_type);
            assert_eq!(header(&answer, "cache-control"), "no-store");
            assert!(!policy(&answer).is_empty());
        }
    }
    fs::remove_file(folder.join("index.html")).unwrap();
    app.get("/").await.expect(404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_outside_of_the_folder_is_served() {
    let around = tempfile::tempdir().unwrap();
    let folder = a_built_folder(around.path());
    symlink(around.path().join("secret.js"), folder.join("link.js")).unwrap();
    symlink(around.path(), folder.join("assets/out")).unwrap();
    symlink("a-1.js", folder.join("assets/inside.js")).unwrap();
    fs::create_dir(folder.join("assets/folder.js")).unwrap();
    let app = TestApp::start_with(|args| args.web_dir = Some(folder.clone())).await;
    let absolute = format!("/assets/{}", around.path().join("secret.js").display());
    for path in [
        "/link.js",
        "/assets/out/secret.js",
        "/assets/../../secret.js",
        "/../secret.js",
        "/assets/%2e%2e/%2e%2e/secret.js",
        "/assets/..%2f..%2fsecret.js",
        "/assets/..\\..\\secret.js",
        "/assets//a-1.js",
        "/assets/a-1.js/",
        "/assets/a-1.js.br",
        "/assets/folder.js",
        "/.env.js",
        &absolute,
    ] {
        let answer = app.get(path).await.expect(404);
        assert_eq!(answer.json()["code"], "not_found", "{path}");
    }
    let inside = app.get("/assets/inside.js").await.expect(200);
    assert_eq!(inside.text(), "one()");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_holds_no_interface_is_refused() {
    let (around, data) = place();
    for folder in ["nothing", "."] {
        let folder = around.path().join(folder);
        let folder = folder.to_str().unwrap();
        let output = run(&data, &["--web-dir", folder]).await;
        check_refused(&output, 1, &["--web-dir", folder]);
    }
    assert!(!data.exists());
}
