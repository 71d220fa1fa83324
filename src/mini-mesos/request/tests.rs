use super::*;

fn refusal(head: &Head, body: &str) -> Refusal {
    read(head, body.as_bytes(), None).expect_err("refused")
}

fn json() -> Head {
    Head {
        method: "POST".to_owned(),
        content_type: Some("application/json".to_owned()),
        accept: Some("application/json".to_owned()),
        stream: None,
        authorization: None,
    }
}

fn bad(text: &str) -> Refusal {
    Refusal::BadRequest(text.to_owned())
}

#[test]
fn checks_come_in_the_order_of_the_real_master() {
    let head = Head { method: "GET".to_owned(), content_type: None, ..json() };
    assert_eq!(refusal(&head, ""), Refusal::MethodNotAllowed("GET".to_owned()));
    assert_eq!(
        refusal(&Head { content_type: None, ..json() }, ""),
        bad("Expecting 'Content-Type' to be present")
    );
    let parameter = Some("application/json; charset=utf-8".to_owned());
    assert_eq!(refusal(&Head { content_type: parameter, ..json() }, "{}"), Refusal::UnsupportedMediaType);
    assert_eq!(
        refusal(&json(), "{}"),
        bad("Failed to validate scheduler::Call: Expecting 'type' to be present")
    );
}

#[test]
fn a_body_that_is_no_json_is_quoted() {
    for (body, near) in [("", ""), ("x1", "x1"), ("{\"type\": y\n}", "y")] {
        let text = format!("Failed to parse body into JSON: syntax error at line 1 near: {near}");
        assert_eq!(refusal(&json(), body), Refusal::BadRequest(text));
    }
}

#[test]
fn a_missing_required_field_is_told() {
    let body = r#"{"type":"SUBSCRIBE","subscribe":{"framework_info":{"name":"x"}}}"#;
    let text =
        "Failed to convert JSON into Call protobuf: Missing required fields: subscribe.framework_info.user";
    assert_eq!(refusal(&json(), body), bad(text));
    let head = Head { content_type: Some("application/x-protobuf".to_owned()), ..json() };
    // SUBSCRIBE with an empty framework_info.
    assert_eq!(
        refusal(&head, "\u{10}\u{1}\u{1a}\u{2}\u{a}\0"),
        bad("Failed to parse body into Call protobuf")
    );
}

#[test]
fn what_a_call_must_carry() {
    for (body, detail) in [
        (r#"{"type":"KILL"}"#, "Expecting 'framework_id' to be present"),
        (r#"{"type":"KILL","framework_id":{"value":"f"}}"#, "Expecting 'kill' to be present"),
        (
            r#"{"type":"ACKNOWLEDGE","framework_id":{"value":"f"},"acknowledge":
                {"agent_id":{"value":"a"},"task_id":{"value":"t"},"uuid":"AAAA"}}"#,
            "Not a valid UUID",
        ),
        (
            r#"{"type":"SUBSCRIBE","framework_id":{"value":"f"},"subscribe":
                {"framework_info":{"name":"x","user":"u"}}}"#,
            "'framework_id' differs from 'subscribe.framework_info.id'",
        ),
    ] {
        let text = format!("Failed to validate scheduler::Call: {detail}");
        assert_eq!(refusal(&json(), body), Refusal::BadRequest(text));
    }
    let revive = br#"{"type":"REVIVE","framework_id":{"value":"f"}}"#;
    let Ok((Call::Order { order, .. }, _)) = read(&json(), revive, None) else { panic!("a good call") };
    assert_eq!(*order, Order::Revive(Vec::new()));
}

#[test]
fn the_stream_comes_in_a_form_that_is_accepted() {
    let body = br#"{"type":"SUBSCRIBE","subscribe":{"framework_info":{"name":"x","user":"u"}}}"#;
    for (accept, media) in [
        (None, Some(MediaType::Json)),
        (Some("*/*"), Some(MediaType::Json)),
        (Some("application/x-protobuf"), Some(MediaType::Protobuf)),
        (Some("Application/X-Protobuf, application/json;q=0"), Some(MediaType::Protobuf)),
        (Some("application/x-protobuf, application/json"), Some(MediaType::Json)),
        (Some("text/html"), None),
    ] {
        let head = Head { accept: accept.map(str::to_owned), ..json() };
        assert_eq!(read(&head, body, None).map(|(_, media)| media).ok(), media, "{accept:?}");
    }
    let head = Head { stream: Some("s".to_owned()), ..json() };
    let text = "Subscribe calls should not include the 'Mesos-Stream-Id' header";
    assert_eq!(read(&head, body, None).expect_err("refused"), bad(text));
}

#[test]
fn wide_numbers_may_be_texts() {
    let body = br#"{"type":"KILL","framework_id":{"value":"f"},"kill":
        {"task_id":{"value":"t"},"kill_policy":{"grace_period":{"nanoseconds":"2000000000"}}}}"#;
    let Ok((Call::Order { order, .. }, _)) = read(&json(), body, None) else { panic!("a good call") };
    let Order::Kill(kill) = *order else { panic!("a kill") };
    let grace = kill.kill_policy.and_then(|policy| policy.grace_period).and_then(|grace| grace.nanoseconds);
    assert_eq!(grace, Some(2_000_000_000));
}

#[test]
fn whoever_has_proved_who_he_is_cannot_be_somebody_else() {
    let read = |body: &str| read(&json(), body.as_bytes(), Some("flink".to_owned()));
    let subscribe = |principal: &str| {
        format!(
            r#"{{"type":"SUBSCRIBE","subscribe":{{"framework_info":{{"user":"u","name":"n"{principal}}}}}}}"#
        )
    };
    for own in ["", r#","principal":"flink""#] {
        let Ok((Call::Subscribe { principal, .. }, _)) = read(&subscribe(own)) else { panic!("a good call") };
        assert_eq!(principal.as_deref(), Some("flink"));
    }
    let text = "Authenticated principal 'flink' does not match principal 'other' set in `FrameworkInfo`";
    let bad = Refusal::BadRequest(format!("Failed to validate scheduler::Call: {text}"));
    assert_eq!(read(&subscribe(r#","principal":"other""#)).expect_err("refused"), bad);
    let update = r#"{"type":"UPDATE_FRAMEWORK","framework_id":{"value":"f"},"update_framework":
        {"framework_info":{"user":"u","name":"n","id":{"value":"f"},"principal":"other"}}}"#;
    assert_eq!(read(update).expect_err("refused"), bad);
}
