use super::*;

#[track_caller]
fn check(rules: &ReceiverRules, url: &str, allowed: bool) {
    let checked = rules.check(url);
    assert_eq!(checked.is_ok(), allowed, "{url}: {checked:?}");
}

#[test]
fn only_https_is_spoken_and_http_at_home_if_wanted() {
    // R508
    for (url, usually, in_a_trial) in [
        ("https://app.example/in", true, true),
        ("http://app.example/in", false, false),
        ("http://127.0.0.1:8080/in", false, true),
        ("https://127.0.0.1:8443/in", false, true),
        ("http://[::1]:8080/in", false, true),
        ("http://localhost/in", false, true),
        ("http://localhost./in", false, true),
        ("http://localhost.evil.example/in", false, false),
        ("http://10.0.0.1/in", false, false),
        ("https://user@app.example/in", false, false),
        ("https://:word@app.example/in", false, false),
        ("ftp://127.0.0.1/in", false, false),
        ("/in", false, false),
    ] {
        check(&ReceiverRules::default(), url, usually);
        check(&ReceiverRules::trial(), url, in_a_trial);
    }
}

/// URLs that lead, or pretend not to lead, to what is not public.
const INSIDE: [&str; 83] = [
    // Loopback and its spellings.
    "https://127.0.0.1/",
    "https://127.0.0.1:443/in",
    "https://127.1/",
    "https://127.0.1/",
    "https://127.255.255.254/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0x7F.1/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://0177.0x0.0.1/",
    "https://127.0.0.1./",
    "https://%31%32%37.0.0.1/",
    "https://127\u{3002}0\u{3002}0\u{3002}1/",
    "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
    "https://\u{2460}\u{2461}\u{2466}.0.0.1/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[0:0:0:0:0:ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    // Any address.
    "https://0.0.0.0/",
    "https://0/",
    "https://0x0/",
    "https://[::]/",
    "https://[::ffff:0.0.0.0]/",
    // Private networks.
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://167772161/",
    "https://0xa000001/",
    "https://012.0.0.1/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.0.1/",
    "https://192.168.257/",
    "https://3232235521/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:c0a8:1]/",
    "https://100.64.0.1/",
    "https://100.127.255.255/",
    "https://[fc00::1]/",
    "https://[fd12:3456:789a::1]/",
    "https://[fe80::1]/",
    "https://[fec0::1]/",
    // Metadata services.
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.169.254./",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://[::ffff:169.254.169.254]/",
    "https://[fd00:ec2::254]/",
    "https://168.63.129.16/",
    "https://100.100.100.200/",
    "https://192.0.0.192/",
    "https://metadata.google.internal/",
    "https://METADATA.google.internal./computeMetadata/v1/",
    "https://metadata/",
    "https://instance-data/latest/",
    // An IPv4 address within an IPv6 one.
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::a00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:7f00:1::1]/",
    // What is nobody's, everybody's or an example's.
    "https://192.0.2.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://192.88.99.1/",
    "https://198.18.0.1/",
    "https://198.19.255.255/",
    "https://224.0.0.1/",
    "https://239.255.255.255/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[ff02::1]/",
    "https://[100::1]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    "https://[5f00::1]/",
    // Not an address of the internet at all.
    "unix:/run/docker.sock",
];

/// URLs that break another rule, though the host may be a public one.
const OTHERWISE_WRONG: [&str; 15] = [
    "http://app.example/",
    "http://8.8.8.8/",
    "file:///etc/passwd",
    "gopher://app.example:6379/_FLUSHALL",
    "dict://app.example/",
    "ldap://app.example/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "https://app.example:22/",
    "https://app.example:6379/",
    "https://app.example:80/",
    "https://app.example@10.0.0.1/",
    "https://10.0.0.1@app.example/",
    // A public address, but not as anybody writes one.
    "https://134744072/",
    "https://0x8.8.8.8/",
];

#[test]
fn nothing_but_a_public_address_can_be_configured() {
    // E17, A89
    let rules = ReceiverRules::default();
    for url in INSIDE.iter().chain(&OTHERWISE_WRONG) {
        check(&rules, url, false);
    }
    for url in
        ["https://8.8.8.8/", "https://[2606:4700::1111]/in", "https://app.example:443/in?x=1"]
    {
        check(&rules, url, true);
    }
    check(&rules, &format!("https://app.example/{}", "x".repeat(2_048)), false);
}

#[test]
fn a_trial_opens_this_machine_and_nothing_else() {
    let rules = ReceiverRules::trial();
    for url in INSIDE.iter().chain(&OTHERWISE_WRONG) {
        let address = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let host = address.unwrap_or_default();
        let bare = host.trim_matches(['[', ']', '.']);
        let is_home = bare == "localhost" || bare.parse().is_ok_and(is_loopback);
        if !is_home {
            check(&rules, url, false);
        }
    }
}

#[test]
fn the_operator_opens_networks_and_ports() {
    let networks = ["10.1.0.0/16", "fd00:1::/32"].map(|network| network.parse().unwrap());
    let rules = ReceiverRules::default().with_networks(networks.to_vec()).with_ports(&[8443, 9443]);

    for (url, allowed) in [
        ("https://10.1.2.3/", true),
        ("https://10.1.2.3:8443/", true),
        ("https://[::ffff:10.1.2.3]/", true),
        ("https://[fd00:1::5]:9443/", true),
        ("https://app.example:8443/", true),
        ("https://10.2.0.1/", false),
        ("https://10.1.2.3:22/", false),
        ("http://10.1.2.3/", false),
        ("https://127.0.0.1/", false),
    ] {
        check(&rules, url, allowed);
    }
}

#[test]
fn networks_end_where_they_end() {
    let rules = ReceiverRules::default();
    for (address, allowed) in [
        ("9.255.255.255", true),
        ("11.0.0.0", true),
        ("100.63.255.255", true),
        ("100.128.0.0", true),
        ("172.15.255.255", true),
        ("172.32.0.0", true),
        ("198.17.255.255", true),
        ("198.20.0.0", true),
        ("223.255.255.255", true),
        ("168.63.129.17", true),
        ("::ffff:8.8.8.8", true),
        ("2001:4860:4860::8888", true),
        ("2003::1", true),
        ("fbff::1", true),
        ("febf::1", false),
        ("::1:0:0", true),
        ("2001:2::1", false),
    ] {
        assert_eq!(rules.allows(address.parse().unwrap()), allowed, "{address}");
    }
}

#[test]
fn a_bus_is_reached_over_tls_and_near_by_without() {
    let near = || ReceiverRules::trial().with_networks(vec!["10.1.0.0/16".parse().unwrap()]);
    for (url, usually, near_by) in [
        ("tls://nats.example", true, true),
        ("tls://nats.example:4222", true, true),
        ("tls://nats.example:443/", true, true),
        ("tls://nats.example:22", false, false),
        ("tls://user:word@nats.example", false, false),
        ("tls://10.1.2.3:4222", false, true),
        ("tls://127.0.0.1:4222", false, true),
        ("tls://0x7f.1:4222", false, false),
        ("tls://2130706433", false, false),
        ("tls://[::ffff:10.0.0.1]", false, false),
        ("tls://metadata.google.internal", false, false),
        ("tls://nats.example/path", false, false),
        ("tls://nats.example?x", false, false),
        ("nats://nats.example", false, true),
        ("nats://127.0.0.1:12345", false, true),
        ("nats://10.1.2.3", false, true),
        ("nats://10.2.2.3", false, false),
        ("nats://93.184.216.34", false, false),
        ("https://nats.example", false, false),
        ("ws://127.0.0.1:4222", false, false),
        ("nats.example", false, false),
    ] {
        assert_eq!(ReceiverRules::default().check_bus(url).is_ok(), usually, "{url}");
        assert_eq!(near().check_bus(url).is_ok(), near_by, "{url} near by");
    }
    let url = ReceiverRules::default().check_bus("tls://nats.example").unwrap();
    assert_eq!(url.as_str(), "tls://nats.example:4222");
}

#[test]
fn a_session_store_is_reached_over_https_and_in_allowed_networks_without() {
    let near = || {
        let networks = vec!["10.1.0.0/16".parse().unwrap()];
        ReceiverRules::default().with_networks(networks).with_ports(&[3567])
    };
    for (url, usually, near_by) in [
        ("https://store.example", true, true),
        ("https://10.1.2.3", false, true),
        ("http://store.internal:3567/core", false, true),
        ("http://10.1.2.3:3567", false, true),
        ("http://10.1.2.3", false, false),
        ("http://10.1.2.3:80", false, false),
        ("http://10.2.2.3:3567", false, false),
        ("http://93.184.216.34:3567", false, false),
        ("http://127.0.0.1:3567", false, false),
        ("http://localhost:3567", false, false),
        ("http://0x0a.1.2.3:3567", false, false),
        ("http://user:word@10.1.2.3:3567", false, false),
        ("http://metadata.google.internal:3567", false, false),
        ("ftp://10.1.2.3:3567", false, false),
    ] {
        assert_eq!(ReceiverRules::default().check_store(url).is_ok(), usually, "{url}");
        assert_eq!(near().check_store(url).is_ok(), near_by, "{url} near by");
        let is_encrypted = url.starts_with("https");
        assert_eq!(near().check(url).is_ok(), near_by && is_encrypted, "{url} is told events");
    }
}
