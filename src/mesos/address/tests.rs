use super::*;

fn shown(text: &str) -> String {
    match text.parse::<MasterAddress>() {
        Ok(MasterAddress::Masters(masters)) => {
            let masters: Vec<_> =
                masters.iter().map(|master| format!("{}://{master}", master.scheme.name())).collect();
            masters.join(" ")
        }
        Ok(MasterAddress::File(path)) => format!("file {}", path.display()),
        Ok(MasterAddress::ZooKeeper(ZooKeeperAddress { credentials, servers, path })) => {
            let servers: Vec<_> = servers.iter().map(HostPort::to_string).collect();
            let credentials = credentials.map(|both| format!("{} / {} @ ", both.user, both.password));
            format!("zk {}{} {path}", credentials.unwrap_or_default(), servers.join(" "))
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn forms_of_the_address() {
    for (text, expected) in [
        ("master.example.com:5051", "http://master.example.com:5051"),
        ("10.0.0.1", "http://10.0.0.1:5050"),
        (" m1:5050\n", "http://m1:5050"),
        ("master@10.0.0.1:5050", "http://10.0.0.1:5050"),
        ("http://m1:80", "http://m1:80"),
        ("https://m1/", "https://m1:5050"),
        ("m1,m2:5051 , https://m3", "http://m1:5050 http://m2:5051 https://m3:5050"),
        ("[::1]:5051,[fd00::2]", "http://[::1]:5051 http://[fd00::2]:5050"),
        ("file:///etc/mesos/zk", "file /etc/mesos/zk"),
        ("zk://z1:2181,z2:2182,z3/mesos", "zk z1:2181 z2:2182 z3:2181 /mesos"),
        ("zk://z1/a/b/", "zk z1:2181 /a/b"),
        ("zk://me:p@ss:word@z1/mesos", "zk me / p@ss:word @ z1:2181 /mesos"),
        ("zk://[::1]:2181/mesos", "zk [::1]:2181 /mesos"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (text, problem) in [
        ("", "expected host:port, several of them with commas, zk://host:port/path or file:///path"),
        ("m1:", "'' is not a port, expected 1 to 65535"),
        ("m1:0", "'0' is not a port, expected 1 to 65535"),
        ("m1:+80", "'+80' is not a port, expected 1 to 65535"),
        ("m1:65536", "'65536' is not a port, expected 1 to 65535"),
        ("[::1]5050", "'5050' is not a port, expected 1 to 65535"),
        ("m1,,m2", "a host is missing"),
        (":5050", "a host is missing"),
        ("m 1", "host 'm 1' contains ' '"),
        ("::1:5050", "an IPv6 address must be in brackets, as in [::1]:5050"),
        ("[nonsense]:5050", "an IPv6 address must be in brackets, as in [::1]:5050"),
        ("[::1", "an IPv6 address must be in brackets, as in [::1]:5050"),
        ("ftp://m1", "unknown scheme 'ftp', expected http, https, zk or file"),
        ("http://m1:5050/mesos", "expected no path after the port, got '/mesos'"),
        ("zk://z1:2181", "expected a path after the servers, as in zk://host:2181/mesos"),
        ("zk://z1:2181/", "expected a path after the servers, as in zk://host:2181/mesos"),
        ("zk://z1:no/mesos", "'no' is not a port, expected 1 to 65535"),
        ("zk:///mesos", "a host is missing"),
        ("file://mesos", "expected an absolute path, as in file:///etc/mesos/zk"),
    ] {
        assert_eq!(shown(text), format!("'{text}' is not the address of a Mesos master: {problem}"));
    }
}

#[test]
fn credentials_are_never_shown() {
    for text in [
        "zk://me:hunter2@z1:2181",
        "http://me:hunter2@m1",
        "zk://hunter2@z1/mesos",
        "zk://me:hunter2@:1/x",
        "zk://me:hunter2/3@z1/mesos",
    ] {
        let error = text.parse::<MasterAddress>().expect_err(text);
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(error.to_string().contains("***@"), "{error}");
    }
    let address: MasterAddress = "zk://me:hunter2@z1/mesos".parse().expect("an address");
    assert!(!format!("{address:?}").contains("hunter2"));
}

#[test]
fn a_file_holds_an_address_but_no_other_file() {
    assert_eq!(MasterAddress::from_file("m1:5050\n"), "m1:5050".parse());
    assert_eq!(
        MasterAddress::from_file("file:///x\n").expect_err("a file in a file").to_string(),
        "'file:///x' is not the address of a Mesos master: the file must hold an address, not the name of another file"
    );
}

#[test]
fn redirects_keep_the_scheme() {
    let asked = Master { scheme: Scheme::Https, at: HostPort { host: "m1".to_owned(), port: 5050 } };
    for (location, expected) in [
        ("//127.0.0.1:5170/master/api/v1/scheduler", "127.0.0.1:5170"),
        ("//127.0.0.1:5170", "127.0.0.1:5170"),
        ("http://m2:5051", "m2:5051"),
        ("http://m2:5051/master/api/v1/scheduler", "m2:5051"),
        ("m2:5051", "m2:5051"),
        ("//m2/api/v1/scheduler", "m2:5050"),
        ("//[::1]:5051/x", "[::1]:5051"),
    ] {
        let master = asked.redirected(location).expect(location);
        assert_eq!((master.scheme, master.to_string()), (Scheme::Https, expected.to_owned()), "{location}");
    }
    for location in ["", "/api/v1/scheduler", "//", "//:5050", "//m2:none"] {
        assert!(asked.redirected(location).is_err(), "{location}");
    }
}
