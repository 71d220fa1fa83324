use super::*;

fn resources(text: &str) -> Resources {
    parse(text).expect("a well-formed text")
}

#[test]
fn what_a_text_says_is_what_it_prints() {
    for (text, printed) in [
        ("cpus:4;mem:4096", "cpus:4; mem:4096"),
        ("cpus:0.5;cpus:0.25", "cpus:0.75"),
        ("cpus(flink):2;cpus(*):1", "cpus(reservations: [(STATIC,flink)]):2; cpus:1"),
        ("ports:[5-6, 1-2,3-4, 9-9]", "ports:[1-6, 9-9]"),
        ("disks:{b, a}", "disks:{a, b}"),
    ] {
        assert_eq!(resources(text).to_string(), printed);
    }
}

#[test]
fn a_wrong_text_is_named() {
    for text in ["cpus", "cpus:x", "cpus:-1", "cpus(flink:1", "ports:[9-1]", ":1", "set:{a,,b}", "cpus:NaN"] {
        let error = parse(text).expect_err(text).to_string();
        assert!(error.starts_with(&format!("'{text}' is not name:amount")), "{error}");
    }
}

#[test]
fn thousandths_never_drift() {
    let mut sum = Resources::default();
    for _ in 0..10_000 {
        sum.add_all(&resources("cpus:0.1"));
    }
    assert_eq!(sum, resources("cpus:1000"));
    assert!(sum.subtract(&resources("cpus:999.999")));
    assert_eq!(sum, resources("cpus:0.001"));
}

#[test]
fn spans_are_cut_and_joined_again() {
    let whole = resources("ports:[31000-31009]");
    let mut left = whole.clone();
    assert!(left.subtract(&resources("ports:[31003-31004]")));
    assert_eq!(left.to_string(), "ports:[31000-31002, 31005-31009]");
    assert!(!left.contains(&resources("ports:[31002-31003]")));
    left.add_all(&resources("ports:[31003-31004]"));
    assert_eq!(left, whole);
}

#[test]
fn what_is_not_there_is_not_taken_in_part() {
    let mut left = resources("cpus:4;mem:100");
    assert!(!left.subtract(&resources("cpus:1;mem:101")));
    assert_eq!(left, resources("cpus:4;mem:100"));
}

#[test]
fn reserved_and_unreserved_do_not_mix() {
    let offered = resources("cpus(flink):2;cpus:8");
    assert!(!offered.contains(&resources("cpus(flink):3")));
    assert!(offered.contains(&resources("cpus(flink):2;cpus:1")));
}

#[test]
fn both_formats_mean_the_same() {
    let both = resources("cpus(flink):2;mem:8").allocated_to("flink");
    for format in [Format::Old, Format::Refined] {
        assert_eq!(Resources::from_wire(&both.to_wire(format)).expect("well-formed"), both);
    }
    let old = both.to_wire(Format::Old);
    let roles: Vec<_> = old.iter().map(|resource| resource.role.as_deref()).collect();
    assert_eq!(roles, [Some("flink"), Some("*")]);
}

#[test]
fn a_reservation_serves_its_role_and_those_below() {
    let item = Item::reserved("cpus", "eng", Amount::Scalar(Milli(1)));
    assert!(
        item.is_for("eng") && item.is_for("eng/backend") && !item.is_for("engine") && !item.is_for("ops")
    );
}

#[test]
fn parts_of_a_range_are_disjoint_and_complete() {
    let whole = Spans::new(vec![(1, 7), (10, 12)]);
    let parts: Vec<_> = (0..3).map(|index| whole.part(index, 3).to_string()).collect();
    assert_eq!(parts, ["[1-3]", "[4-6]", "[7-7, 10-12]"]);
    let more_parts_than_numbers = Spans::new(vec![(1, 1)]);
    let sizes: Vec<_> = (0..2).map(|index| more_parts_than_numbers.part(index, 2).count()).collect();
    assert_eq!(sizes.iter().sum::<u64>(), 1);
}

#[test]
fn malformed_resources_say_why() {
    let scalar = |value: f64| {
        let mut resource = Item::unreserved("cpus", Amount::Scalar(Milli(1))).to_wire(Format::Refined);
        if let Some(resource) = &mut resource {
            resource.scalar = Some(mesos::wire::resource::Scalar { value: Some(value) });
        }
        resource.expect("the refined format says everything")
    };
    let detail = |resource| Resources::from_wire(&[resource]).expect_err("malformed").detail;
    assert_eq!(detail(scalar(-1.0)), "Invalid scalar resource: value <= 0");
    assert_eq!(detail(Resource { name: None, ..scalar(1.0) }), "Empty resource name");
    let crooked = [("a", ReservationType::Static), ("b", ReservationType::Dynamic)].map(|(role, kind)| {
        ReservationInfo {
            role: Some(role.to_owned()),
            r#type: Some(kind as i32),
            ..ReservationInfo::default()
        }
    });
    assert_eq!(
        detail(Resource { reservations: crooked.to_vec(), ..scalar(1.0) }),
        "Invalid refined reservation: role 'b' is not a refinement of 'a'"
    );
}

#[test]
fn attributes() {
    let kinds: Vec<_> = parse_attributes("rack:r1;generation:2;slots:[1-3]")
        .expect("well-formed")
        .into_iter()
        .map(|attribute| attribute.r#type.and_then(|n| ValueType::try_from(n).ok()))
        .collect();
    assert_eq!(kinds, [Some(ValueType::Text), Some(ValueType::Scalar), Some(ValueType::Ranges)]);
    assert!(parse_attributes("rack").is_err());
}
