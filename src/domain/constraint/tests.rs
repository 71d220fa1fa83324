use super::*;
use mesos::wire::encoded;
use mesos::wire::offer::Offer;
use mesos::wire::resource::{Attribute, Range, Ranges, Scalar, Set, Text};

fn attribute(name: &str, kind: ValueType) -> Attribute {
    Attribute { name: Some(name.into()), r#type: Some(kind as i32), ..Attribute::default() }
}

fn attributes() -> Vec<Attribute> {
    let text = |text: &str| Some(Text { value: Some(text.into()) });
    let range = vec![Range { begin: Some(10), end: Some(20) }];
    vec![
        Attribute { text: text("r1"), ..attribute("rack", ValueType::Text) },
        Attribute { text: text("r9"), ..attribute("rack", ValueType::Text) },
        Attribute { scalar: Some(Scalar { value: Some(0.3) }), ..attribute("level", ValueType::Scalar) },
        Attribute { ranges: Some(Ranges { range }), ..attribute("ids", ValueType::Ranges) },
        Attribute {
            set: Some(Set { item: vec!["ssd".into(), "hdd".into()] }),
            ..attribute("disks", ValueType::Set)
        },
        Attribute { name: Some("odd".into()), r#type: Some(99), ..Attribute::default() },
        Attribute::default(),
    ]
}

#[test]
fn attributes_of_every_type() {
    for (text, expected) in [
        ("rack:r1", true),
        ("rack:r9", true),
        ("rack:r2", false),
        ("odd:1", false),
        ("level:0.300", true),
        ("level:0.4", false),
        ("level:r1", false),
        ("ids:10", true),
        ("ids:12-20", true),
        ("ids:12-21", false),
        ("disks:hdd", true),
        ("disks:tape", false),
        ("none:x", false),
        ("HOSTNAME:host-7", true),
        ("@region:eu", true),
        ("@zone:a", false),
        ("HOSTNAME:LIKE:host-[0-9]", true),
        ("HOSTNAME:LIKE:host", false),
        ("HOSTNAME:UNLIKE:host-[1-3]", true),
        ("none:UNLIKE:.*", true),
        ("none:LIKE:.*", false),
        ("rack:CLUSTER:r1", true),
        ("rack:cluster:r2", false),
        ("rack:IS:r1", true),
        ("rack:Equals:r1", true),
        ("level:EQUALS:0.3", true),
        ("rack:!r2", true),
        ("rack:!r1", false),
        ("none:!x", true),
        ("hostname:like:host-[0-9]", true),
        ("@hostname:IS:host-7", true),
        ("rack:LIKE:r[12]", true),
        ("rack:unlike:r.*", false),
    ] {
        let offer = encoded(&[Offer { attributes: encoded(&attributes()), ..Offer::default() }]);
        let attributes = OfferView::read(&offer[0]).expect("an offer").attributes;
        let traits = Traits { hostname: "host-7", region: Some("eu"), zone: None, attributes };
        let constraint = Constraint::parse(text).expect(text);
        assert_eq!(constraint.suits(&traits), expected, "{text}");
    }
}

#[test]
fn counting() {
    for (text, here, elsewhere, expected) in [
        ("rack:UNIQUE", 0, 1, true),
        ("rack:UNIQUE", 1, 0, false),
        ("rack:MAX_PER:2", 1, 0, true),
        ("rack:MAX_PER:2", 2, 0, false),
        ("rack:GROUP_BY", 1, 1, true),
        ("rack:GROUP_BY", 2, 1, false),
        ("rack:GROUP_BY:3", 1, 1, false),
        ("rack:group_by:3", 1, 1, false),
        ("rack:GROUPBY", 2, 1, false),
        ("rack:max_per:2", 2, 0, false),
        ("rack:limit:2", 1, 0, true),
        ("rack:limit:2", 2, 0, false),
        ("rack:unique:", 1, 0, false),
        ("rack:CLUSTER", 0, 0, true),
        ("rack:CLUSTER", 3, 0, true),
        ("rack:cluster", 0, 1, false),
    ] {
        let mut spread = Spread::default();
        for (value, count) in [("r1", here), ("r2", elsewhere)] {
            let number = spread.number(value);
            (0..count).for_each(|_| _ = spread.add(number));
        }
        let constraint = Constraint::parse(text).expect(text);
        assert!(!constraint.admits(None, &spread), "{text}: an agent without the attribute");
        let number = spread.number("r1");
        assert_eq!(constraint.admits(Some(number), &spread), expected, "{text}");
    }
}

#[test]
fn what_is_no_constraint() {
    for text in [
        "rack",
        "rack:",
        ":x",
        "rack:MAX_PER",
        "rack:MAX_PER:0",
        "rack:max_per:x",
        "rack:limit",
        "rack:limit:0",
        "rack:LIKE",
        "rack:like:",
        "rack:LIKE:(",
        "rack:UNLIKE",
        "rack:UNIQUE:1",
        "rack:IS",
        "rack:EQUALS",
        "rack:equals:",
        "rack:GROUP_BY:0",
        "rack:!",
    ] {
        assert!(Constraint::parse(text).is_err(), "{text}");
    }
    assert_eq!(Constraint::parse("a:b:c").expect("a value with a colon").text(), "a:b:c");
}
