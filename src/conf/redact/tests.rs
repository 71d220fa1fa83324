use super::*;

fn check(key: &str, value: &str, expected: &str) {
    assert_eq!(shown(key, value), expected, "{key}: {value}");
}

#[test]
fn the_type_of_a_key_says_what_is_shown() {
    for (key, value, expected) in [
        ("mesos.resourcemanager.framework.secret", "x", MASK),
        ("mesos.resourcemanager.framework.secret-file", "/run/secret", "/run/secret"),
        ("MESOS_FRAMEWORK_SECRET_FILE", "/run/secret", "/run/secret"),
        ("mesos.resourcemanager.tasks.bootstrap-cmd", "curl -u a:b h", MASK),
        ("mesos.resourcemanager.tasks.taskmanager-cmd", "exec x", MASK),
        ("mesos.resourcemanager.tasks.bootstrap-command", "misspelled", MASK),
        ("containerized.taskmanager.env.DB_PASS", "x", MASK),
        ("containerized.master.env.LANG", "C", MASK),
        ("FLINK_PROPERTIES", "a: b", MASK),
        ("security.ssl.rest.key-password", "x", MASK),
        ("security.ssl.key-password", "x", MASK),
        ("high-availability.zookeeper.client.authorization", "digest:u:p", MASK),
        ("rest.port", "8081", "8081"),
        ("mesos.master", "zk://u:p@h1:2181,h2:2181/mesos", "zk://******@h1:2181,h2:2181/mesos"),
        ("mesos.master", "zk://u:p/,@x@h1:2181/mesos", "zk://******@h1:2181/mesos"),
        ("mesos.master", "zk://u:p://x@h1:2181/mesos", "zk://******@h1:2181/mesos"),
        ("mesos.master", "zk://h1:2181/mesos", "zk://h1:2181/mesos"),
        ("mesos.master", "u:p@m:5050", "******@m:5050"),
        ("high-availability.zookeeper.quorum", "u:p@z:2181", "******@z:2181"),
        ("high-availability.storageDir", "s3://k:s@b/p", "s3://******@b/p"),
    ] {
        check(key, value, expected);
    }
}

#[test]
fn uris_lose_logins_and_queries() {
    let key = "mesos.resourcemanager.tasks.uris";
    for (value, expected) in [
        ("http://a/x, https://u:p@b/y", "http://a/x, https://******@b/y"),
        ("https://h/x?X-Amz-Signature=1&b=2,https://h/y", "https://h/x?******,https://h/y"),
        ("https://h/x?a=1,2,https://h/y#z", "https://h/x?******,https://h/y#******"),
        ("https://h/x?to=http://i/y", "https://h/x?******"),
        ("[{uri: 'https://u:p@h/x?s'}, hdfs:///y]", "[{uri: 'https://******@h/x?******'}, hdfs:///y]"),
        ("/a/b,c.tgz", "/a/b,c.tgz"),
    ] {
        check(key, value, expected);
    }
}

#[test]
fn java_options_lose_values_of_properties_that_are_not_known() {
    for (value, expected) in [
        (
            "-Xmx1g -Djavax.net.ssl.keyStorePassword=p -Da=b",
            "-Xmx1g -Djavax.net.ssl.keyStorePassword=****** -Da=******",
        ),
        ("-Da=\"b c\" -Xms1g", "-Da=****** -Xms1g"),
        ("\"-Da=b -Dc=d\"", "\"-Da=****** -Dc=******\""),
        ("'-Da=b c' -Xs", "'-Da=****** -Xs"),
        ("-Da=b\\ c -Xs", "-Da=****** -Xs"),
        ("[-Da=b, '-Dc=d e']", "[-Da=******, -Dc=****** ******]"),
        ("-Duser.timezone=UTC -Djava.io.tmpdir=/x", "-Duser.timezone=UTC -Djava.io.tmpdir=/x"),
        ("-Dzookeeper.ssl.keyStore.password=p", "-Dzookeeper.ssl.keyStore.password=******"),
        ("-Dlog4j.url=http://u:p@h/x", "-Dlog4j.url=http://******@h/x"),
        ("-javaagent:/a.jar=token=x -XX:+UseG1GC", "-javaagent:/a.jar=****** -XX:+UseG1GC"),
        ("-XX:OnError=\"curl -u a:b h\"", "-XX:OnError=******"),
        (
            "-Dflag --add-opens=java.base/java.util=ALL-UNNAMED",
            "-Dflag --add-opens=java.base/java.util=ALL-UNNAMED",
        ),
        ("hush", MASK),
    ] {
        check("env.java.opts.all", value, expected);
        check("env.java.default-opts.taskmanager", value, expected);
    }
}

#[test]
fn options_of_docker_show_their_names() {
    let key = "mesos.resourcemanager.tasks.container.docker.parameters";
    check(key, "env=A=b,ulimit=nofile=9:9,label=c=d", "env=A=******,ulimit=nofile=9:9,label=******");
    check(key, "[{key: env, value: A=b}]", "env=A=******");
    check(key, "nonsense", MASK);
}

#[test]
fn what_is_not_known_is_judged_by_words() {
    for (key, value, expected) in [
        ("security.ssl.rest.KEY-PASSWORD", "x", MASK),
        ("metrics.reporter.dghttp.apikey", "x", MASK),
        ("metrics.reporter.x.api-key", "x", MASK),
        ("fs.azure.account.key.a.blob", "x", MASK),
        ("rest.client.http-headers", "x", MASK),
        ("s3.access-key", "x", "x"),
        ("a.list", "[{name: x, Password: y}]", MASK),
        ("a.map", "user:u,api-key:v", MASK),
        ("a.jdbc", "jdbc:mysql://h/d?user=u&passwd=p", MASK),
        ("a.url", "jdbc:mysql://u:p@h/d", "jdbc:mysql://******@h/d"),
        ("a.signed", "https://h/x?sig=1", "https://h/x?******"),
        ("a.path", "s3://token-bucket/x", "s3://token-bucket/x"),
        ("a.options", "-Dx=1 -Dmy.password=p -Dy=2", "-Dx=1 -Dmy.password=****** -Dy=2"),
    ] {
        check(key, value, expected);
    }
}

#[test]
fn what_was_expected_quotes_no_secret() {
    let told = expected_without("a text in place of `hush`", "x,hush", MASK);
    assert_eq!(told, "a text in place of `******`");
    let told = expected_without("`k=v` in place of ``", "a,,hush", MASK);
    assert_eq!(told, "`k=v` in place of ``");
}
