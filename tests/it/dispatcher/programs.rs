//! Jobs that are no jars of users: SQL scripts, and files beside a program. Flink's own command line without its script.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::MEMORY;
use super::client::{OLDEST, library, site};
use super::site::{Site, session};
use crate::cluster::harness::binary;
use crate::flink::home;

/// Orders from 1 to 10, summed up; a comment and a text have what ends a statement.
const SCRIPT: &str = "\
SET 'execution.runtime-mode' = 'batch'; -- chosen once; before all else
CREATE TEMPORARY TABLE orders (id INT) WITH ('connector' = 'datagen', 'number-of-rows' = '10',
    'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '10');
/* one ; more */
CREATE TEMPORARY TABLE sums (what STRING, amount INT) WITH ('connector' = 'filesystem', 'format' = 'csv',
    'path' = 'DIRECTORY');
EXECUTE STATEMENT SET BEGIN
    INSERT INTO sums SELECT 'it''s; --all', SUM(id) FROM orders;
    INSERT INTO sums SELECT 'ten', MAX(id) FROM orders;
END
";

/// This program as it is installed: with its links, and the library beside it.
struct Installed(tempfile::TempDir);

impl Installed {
    fn new() -> Self {
        // On the same file system, for the program has a hundred megabytes.
        let target = Path::new(binary()).parent().expect("a directory");
        let directory = tempfile::tempdir_in(target).expect("a directory");
        fs::hard_link(binary(), directory.path().join("flink-on-mesos")).expect("a link");
        for name in ["flink", "sql-client.sh"] {
            symlink("flink-on-mesos", directory.path().join(name)).expect("a link");
        }
        fs::copy(library(), directory.path().join("flink-on-mesos-client.jar")).expect("copied");
        Self(directory)
    }

    fn run(&self, name: &str, words: &[&str], site: &Site, flink: &Path) -> Output {
        Command::new(self.0.path().join(name))
            .args(words)
            .env("FLINK_ON_MESOS_DISPATCHER", site.url())
            .env("FLINK_HOME", flink)
            .output()
            .expect("it starts")
    }
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What a script's sink has.
fn lines_in(directory: &Path) -> Vec<String> {
    let files = fs::read_dir(directory).expect("a directory").flatten().map(|entry| entry.path());
    let texts = files.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).expect("text"));
    let mut lines: Vec<_> =
        texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines.sort();
    lines
}

fn script(files: &Path, name: &str) -> (String, PathBuf) {
    let (path, sums) = (files.join(format!("{name}.sql")), files.join(name));
    let url = format!("file://{}", sums.display());
    fs::write(&path, SCRIPT.replace("DIRECTORY", &url)).expect("written");
    (path.display().to_string(), sums)
}

#[tokio::test]
async fn flink_1_17_runs_sql_scripts() {
    sql_scripts(OLDEST, "v1_17").await;
}

#[tokio::test]
async fn flink_2_3_runs_sql_scripts() {
    sql_scripts("2.3.0", "v2_3").await;
}

async fn sql_scripts(version: &str, word: &str) {
    let site = site(version).await;
    let (installed, flink) = (Installed::new(), home::flink_home(version));
    let files = tempfile::tempdir().expect("a directory");
    site.apply(&[&session("one", word, MEMORY)]);
    site.until_slots("one", 1).await;
    let run = |words: &[&str]| installed.run("flink-on-mesos", &[&["run"], words].concat(), &site, &flink);

    let (path, sums) = script(files.path(), "of-session");
    let output = run(&["--session", "one", "-p", "1", &path]);
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(lines_in(&sums), ["\"it's; --all\",55", "ten,10"]);

    let (path, sums) = script(files.path(), "of-application");
    let memory = format!("{MEMORY}m");
    let size = ["--flink-version", word, "--memory", &memory, "--jobmanager-memory", &memory];
    let output = run(&[&["--application", "two"], &size[..], &[&path]].concat());
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(lines_in(&sums), ["\"it's; --all\",55", "ten,10"]);

    // The statement is told, and nothing that could be a password.
    fs::write(
        &path,
        "CREATE TABLE a (b INT) WITH ('connector'='no-such', 'password'='pw-1'); SELECT * FROM a;",
    )
    .expect("written");
    let output = run(&["--session", "one", &path]);
    let text = told(&output);
    assert!(!output.status.success() && text.contains("SELECT * FROM a"), "{text}");
    assert!(!text.contains("pw-1"), "{text}");
    fs::write(&path, "SET 'a' = 'b';\nSELECT 'pw-2;\n").expect("written");
    let output = run(&["--session", "one", &path]);
    let text = told(&output);
    assert!(!output.status.success() && text.contains("line 2: what begins with ' has no end"), "{text}");
    assert!(!text.contains("pw-2"), "{text}");
}

/// Who calls the program by a link of Flink's gets what its script would do.
#[tokio::test]
async fn flinks_command_line_needs_no_shell() {
    let site = Site::start(&[]).await;
    let (installed, flink) = (Installed::new(), home::flink_home("2.3.0"));
    let files = tempfile::tempdir().expect("a directory");
    let count = crate::cluster::application::jar_for("2.3.0", "CountJob", files.path());
    site.apply(&[&session("one", "v2_3", MEMORY)]);
    site.until_slots("one", 1).await;

    let before = runs_there();
    let target = ["-t", "mesos-session", "-Dmesos.cluster-id=one"];
    let output = installed.run("flink", &[&["run"], &target[..], &[&count, "1000"]].concat(), &site, &flink);
    let text = told(&output);
    assert!(output.status.success() && text.contains("Program execution finished"), "{text}");
    assert!(!text.contains("init:"), "{text}");
    let output =
        installed.run("flink-on-mesos", &[&["flink", "list", "-a"], &target[..]].concat(), &site, &flink);
    assert!(told(&output).contains("count (FINISHED)"), "{}", told(&output));
    let output = installed.run("flink", &["no-such-action"], &site, &flink);
    assert!(!output.status.success() && told(&output).contains("no-such-action"), "{}", told(&output));
    assert_eq!(runs_there(), before);

    // From its status port to the sandbox at Mesos.
    let appmaster = site.describe("one").expect("it is there")["appmasters"][0]["status_url"].clone();
    let address = appmaster.as_str().expect("a URL").trim_end_matches('/').to_owned();
    let words = ["logs", "--address", &address, "--task", "taskmanager", "--file", "flink.log"];
    let output = installed.run("flink-on-mesos", &words, &site, &flink);
    assert!(told(&output).contains("Starting TaskManager"), "{}", told(&output));

    let output = installed.run("sql-client.sh", &["-f", "a.sql"], &site, &flink);
    let text = told(&output);
    assert!(output.status.code() == Some(78) && text.contains("no flink-sql-gateway*.jar"), "{text}");
}

/// Directories of runs in the place for temporary files.
fn runs_there() -> usize {
    let entries = fs::read_dir(std::env::temp_dir()).expect("a directory").flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("flink-on-mesos-")).count()
}

#[tokio::test]
async fn files_of_an_application_are_tried_when_it_is_handed_in() {
    let site = Site::without_agents(&[]).await;
    let digest = "ab".repeat(32);
    let manifest = |uris: &str, job: &str| {
        format!(
            "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {{name: words}}\nspec:\n  flinkVersion: v2_3\n  jobManager: {{resource: {{memory: 1g}}}}\n  taskManager: {{resource: {{memory: 1g}}}}\n  mesos: {{uris: [{uris}]}}\n{job}"
        )
    };
    let job = "  job: {jarURI: 'local:///a.jar', parallelism: 1}\n";
    for (uris, why) in [
        (format!("'artifact://{digest}/a.py'"), "there is no artifact"),
        ("'file:///a.py'".to_owned(), "expected a URI with the scheme"),
        ("'local:///a.py'".to_owned(), "in its image already"),
        ("'http://127.0.0.1/a.py'".to_owned(), "no public address"),
        (
            "'https://a.example/a.py', 'https://b.example/a.py?c'".to_owned(),
            "second file that is called a.py",
        ),
    ] {
        let text = site.refused(&manifest(&uris, job));
        assert!(text.contains("spec.mesos.uris[") && text.contains(why), "{text}");
    }
    let text = site.refused(&manifest("'https://a.example/a.py'", ""));
    assert!(text.contains("spec.mesos.uris") && text.contains("is for applications"), "{text}");

    // Whoever deletes it is told who needs it.
    let file = site.write("print()\n");
    let pushed = site.command(&["artifact", "push", &file]);
    let uri =
        pushed.split_whitespace().find(|word| word.starts_with("artifact://")).expect("a URI").to_owned();
    site.apply(&[&manifest(&format!("'{uri}'"), job)]);
    let (code, out, err) = site.try_command(&["artifact", "rm", &uri]);
    assert!(code == Some(3) && err.contains("words"), "{out}{err}");
}

#[tokio::test]
async fn what_run_cannot_run_is_told() {
    let site = Site::without_agents(&[]).await;
    let files = tempfile::tempdir().expect("a directory");
    let [program, script] = ["a.py", "a.sql"].map(|name| files.path().join(name).display().to_string());
    fs::write(&script, "SELECT 1;").expect("written");
    for (words, code, why) in [
        (vec!["--session", "one", &program], 64, "a Python program is run where Python and Flink are"),
        (vec!["--session", "one", "-c", "Main", &script], 64, "is no jar, and has no classes"),
        (vec!["--session", "one", &script, "--input"], 64, "takes no arguments"),
        (vec!["--session", "one", &script], 66, "flink-on-mesos-client.jar is needed to run a SQL script"),
    ] {
        let (found, out, err) = site.try_command(&[&["run"], &words[..]].concat());
        assert!(found == Some(code) && err.contains(why), "{words:?}: {found:?} {out}{err}");
    }
}
