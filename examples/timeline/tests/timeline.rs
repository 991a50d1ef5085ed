//! The program against git itself: whatever happened in a repository, the store alone tells every tree of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::{fmt::Write as _, process::Stdio, thread, time::Duration};

use chrono::DateTime;
use factum::Repository;
use support::{Sandbox, Story, program, succeed, text, this_project};
use timeline::domain::{Entry, File, FileCommand};

#[test]
fn a_thousand_commits_are_told_tree_by_tree() {
    let sandbox = Sandbox::new();
    let mut story = Story::new(1);
    sandbox.fast_import(&story.go_on(1100));
    assert!(sandbox.import().starts_with("1100 commits with "));
    assert!(sandbox.verify().starts_with("no difference: 1100 commits, the trees of 1100 "));

    // Byte by byte what git prints, for a commit in the middle.
    let middle = text(sandbox.git(&["rev-parse", "main~600"]));
    let tree = succeed(sandbox.program(&["tree", "-z", "--at", &middle[..12]]));
    assert!(!tree.is_empty());
    assert_eq!(tree, sandbox.git(&["ls-tree", "-r", "-z", "--full-tree", middle.trim()]));
}

#[test]
fn what_git_is_set_to_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.fast_import(&Story::new(2).go_on(150));
    for (key, value) in [
        ("diff.renames", "copies"),
        ("diff.ignoreSubmodules", "all"),
        ("diff.relative", "true"),
        ("diff.noprefix", "true"),
        ("log.showRoot", "false"),
        ("log.abbrevCommit", "true"),
        ("log.showSignature", "true"),
        ("log.diffMerges", "off"),
        ("core.abbrev", "7"),
        ("color.ui", "always"),
    ] {
        sandbox.git(&["config", key, value]);
    }
    sandbox.import();
    sandbox.verify();

    // As in a hook of another repository.
    let mut verify = sandbox.program(&["verify", sandbox.repository().to_str().unwrap()]);
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_SHALLOW_FILE"]
    {
        verify.env(variable, "/nowhere");
    }
    succeed(verify);
}

#[test]
fn a_repository_of_sha256_is_one_too() {
    let sandbox = Sandbox::with(&["--object-format=sha256"]);
    sandbox.fast_import(&Story::new(3).sha256().go_on(150));
    sandbox.import();
    sandbox.verify();
}

#[test]
fn only_new_commits_are_imported_again() {
    let sandbox = Sandbox::new();
    sandbox.fast_import(&Story::new(4).go_on(200));
    let repository = sandbox.repository();
    let repository = repository.to_str().unwrap();
    for (revision, told) in
        [("main~120", "80 commits with "), ("main~120", "nothing new: 80 "), ("main", "120 commits with ")]
    {
        let printed = sandbox.run(&["import", repository, "--revision", revision]);
        assert!(printed.starts_with(told), "{revision}: {printed}");
        sandbox.verify();
    }
    // An older commit is part of what is there.
    assert!(sandbox.run(&["import", repository, "--revision", "main~7"]).starts_with("nothing new: 200 "));
    sandbox.verify();
}

#[test]
fn an_import_that_was_killed_goes_on_where_it_was() {
    let sandbox = Sandbox::new();
    sandbox.fast_import(&Story::new(5).go_on(600));
    let repository = sandbox.repository();
    let repository = repository.to_str().unwrap();
    let mut killed = 0;
    for attempt in 0..12 {
        let mut import = sandbox.program(&["import", repository]).stdout(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(20 + 7 * attempt));
        import.kill().unwrap();
        killed += u32::from(!import.wait().unwrap().success());
    }
    assert!(killed > 0, "every import was too fast to be killed");
    sandbox.import();
    assert!(sandbox.verify().starts_with("no difference: 600 commits, the trees of 600 "));
    assert!(sandbox.import().starts_with("nothing new: 600 "));

    // Path by path and event by event what an import tells that nobody disturbed.
    let other = sandbox.other_store();
    succeed(program(&other, &["import", repository]));
    let tree = sandbox.run(&["tree"]);
    for path in tree.lines().filter_map(|line| line.split('\t').nth(1)) {
        let disturbed = sandbox.run(&["history", path]);
        assert_eq!(disturbed, text(succeed(program(&other, &["history", path]))), "{path}");
    }
}

#[test]
fn imports_at_the_same_time_double_nothing() {
    let sandbox = Sandbox::new();
    sandbox.fast_import(&Story::new(11).go_on(300));
    let repository = sandbox.repository();
    let start = || {
        let mut import = sandbox.program(&["import", repository.to_str().unwrap()]);
        import.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let imports: Vec<_> = std::iter::repeat_with(start).take(4).collect();
    for import in imports {
        let output = import.wait_with_output().unwrap();
        let told = text(output.stderr);
        assert!(output.status.success() || told.contains("another import into this store"), "{told}");
    }
    sandbox.import();
    assert!(sandbox.verify().starts_with("no difference: 300 commits, the trees of 300 "));
}

#[test]
fn a_commit_may_change_more_than_the_store_takes_at_once() {
    let sandbox = Sandbox::new();
    let mut stream = "commit refs/heads/main\ncommitter A <a@b> 1700000000 +0000\ndata 3\nall\n".to_owned();
    for file in 0..50_001 {
        let _ = writeln!(stream, "M 160000 {:040x} {}/{file}", file + 1, file % 50);
    }
    sandbox.fast_import(stream.as_bytes());
    assert!(sandbox.import().starts_with("1 commits with 50001 changes "));
    sandbox.verify();
}

#[test]
fn a_history_that_was_rewritten_is_refused_and_what_is_recorded_stays() {
    let sandbox = Sandbox::new();
    sandbox.fast_import(&Story::new(6).go_on(30));
    sandbox.import();
    let before = sandbox.run(&["log"]);
    let repository = sandbox.repository();
    let repository = repository.to_str().unwrap();

    // Another last commit, on the one before.
    let tree = text(sandbox.git(&["rev-parse", "main^{tree}"]));
    let other = text(sandbox.git(&["commit-tree", "-p", "main~1", "-m", "another", tree.trim()]));
    let refused = sandbox.fail(&["import", repository, "--revision", other.trim()]);
    assert!(refused.contains("the history was rewritten, or is another"), "{refused}");

    // Another repository altogether.
    let stranger = Sandbox::new();
    stranger.fast_import(&Story::new(7).go_on(3));
    let refused = sandbox.fail(&["import", stranger.repository().to_str().unwrap()]);
    assert!(refused.contains("another history"), "{refused}");
    assert_eq!(sandbox.run(&["log"]), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_finds_what_is_different() {
    let sandbox = Sandbox::new();
    sandbox.fast_import(
        b"commit refs/heads/main\ncommitter A <a@b> 1700000000 +0000\ndata 3\none\n\
          M 100644 inline kept\ndata 1\n1\nM 100644 inline changed\ndata 1\n1\n\
          commit refs/heads/main\ncommitter A <a@b> 1700000060 +0000\ndata 3\ntwo\n\
          M 100644 inline new\ndata 1\n1\n",
    );
    let repository = sandbox.repository();
    let repository = repository.to_str().unwrap();
    sandbox.run(&["import", repository, "--revision", "main~1"]);

    // Between the two commits happens what git knows nothing of.
    let files = Repository::<File>::new(factum::open(sandbox.store()).await.unwrap());
    let entry = || Entry { mode: "100755".parse().unwrap(), object: "0".repeat(40) };
    let (revision, at) = (2, DateTime::UNIX_EPOCH);
    for (path, command) in [
        ("kept", FileCommand::Delete { revision, at }),
        ("changed", FileCommand::Modify { entry: entry(), revision, at }),
        ("made up", FileCommand::Add { entry: entry(), revision, at }),
    ] {
        files.execute(&path.parse().unwrap(), command).await.unwrap();
    }
    drop(files);
    sandbox.import();

    let verified = sandbox.program(&["verify", repository]).output().unwrap();
    assert_eq!(verified.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&verified.stderr), "timeline: 3 differences in 2 trees\n");
    let told = text(verified.stdout);
    for difference in
        ["`kept` is not recorded", "`changed` is recorded as 100755 000", "`made up` is recorded"]
    {
        assert!(told.contains(difference), "{told}");
    }
    assert_eq!(told.lines().count(), 3, "{told}");
}

#[test]
fn what_cannot_be_is_said_in_one_line() {
    let sandbox = Sandbox::new();
    let repository = sandbox.repository();
    let repository = repository.to_str().unwrap();
    for (arguments, said) in [
        (&["import", "/"][..], "not a git repository"),
        (&["import", "/nowhere"], "No such file or directory"),
        (&["import", repository], "there is no commit `HEAD`"),
        (&["tree"], "nothing has been imported yet"),
        (&["verify", repository], "nothing has been imported yet"),
        (&["history", "README.md"], "`README.md` was never in the tree"),
    ] {
        let told = sandbox.fail(arguments);
        assert!(told.starts_with("timeline: ") && told.contains(said), "{arguments:?}: {told}");
    }
    sandbox.fast_import(&Story::new(10).go_on(5));
    sandbox.import();
    for (arguments, said) in [
        (&["history", "%4"][..], "`%4` was never in the tree"),
        (&["history", "%0A"], "`%0A` was never in the tree"),
        (&["tree", "--at", "xyz"], "no commit that begins with `xyz`"),
        (&["tree", "--at", ""], "several commits begin with ``"),
        (&["import", repository, "--revision=--all"], "there is no commit `--all`"),
    ] {
        let told = sandbox.fail(arguments);
        assert!(told.contains(said), "{arguments:?}: {told}");
    }
}

#[test]
fn this_project_is_told_tree_by_tree() {
    let Some(project) = this_project() else {
        eprintln!("SKIPPED: this project is not in a git repository, so its history cannot be imported");
        return;
    };
    let (sandbox, project) = (Sandbox::new(), project.to_str().unwrap().to_owned());
    sandbox.run(&["import", &project]);
    let verified = sandbox.run(&["verify", &project, "--every", "1"]);
    assert!(verified.starts_with("no difference"), "{verified}");
}
