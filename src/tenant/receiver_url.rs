//! Where events may be sent: one rule, asked when a URL is configured and again
//! when it is used.

use std::net::IpAddr;

use reqwest::Url;

/// The URL, if it may be connected to: https, or with `allow_http_loopback` also
/// http to this machine itself, for trying things out.
///
/// # Errors
///
/// The rule that it breaks, in words.
pub fn check(url: &str, allow_http_loopback: bool) -> Result<Url, &'static str> {
    let url = Url::parse(url).map_err(|_| "not a URL")?;
    // The client would turn it into an `Authorization` nobody asked for.
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL holds credentials");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if allow_http_loopback && is_loopback(&url) => Ok(url),
        _ => Err("only https is allowed"),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[track_caller]
    fn check_url(allow_http_loopback: bool, url: &str, allowed: bool) {
        assert_eq!(check(url, allow_http_loopback).is_ok(), allowed, "{url}");
    }

    #[test]
    fn only_https_is_spoken_and_http_at_home_if_wanted() {
        // R508
        for (url, usually, with_loopback) in [
            ("https://app.example/in", true, true),
            ("http://app.example/in", false, false),
            ("http://127.0.0.1:8080/in", false, true),
            ("http://[::1]:8080/in", false, true),
            ("http://localhost/in", false, true),
            ("http://localhost.evil.example/in", false, false),
            ("http://10.0.0.1/in", false, false),
            ("https://user@app.example/in", false, false),
            ("https://:word@app.example/in", false, false),
            ("ftp://127.0.0.1/in", false, false),
            ("/in", false, false),
        ] {
            check_url(false, url, usually);
            check_url(true, url, with_loopback);
        }
    }
}
