//! Which task is meant.

use mesos::client::operator::{Operator, OperatorError};

use super::reader::Place;

/// What people call the process that leads a cluster.
pub const JOBMANAGER: &str = "jobmanager";

/// So many are named where several begin alike.
const MAX_NAMED: usize = 5;

#[derive(Debug, thiserror::Error)]
pub enum FindError {
    #[error("no AppMaster has been launched yet")]
    NoAppMaster,
    #[error("there is no task whose id begins with {word:?} or ends with -{word}, or Mesos has forgotten it")]
    NoTask { word: String },
    #[error("{word:?} is of several tasks: {}", names.join(", "))]
    Ambiguous { word: String, names: Vec<String> },
    #[error("cannot ask the Mesos master for the tasks of framework {framework_id}")]
    Master {
        framework_id: String,
        #[source]
        source: OperatorError,
    },
}

/// Without a word the first of the AppMasters; else the one task, of them or of their frameworks, whose id begins with it, or ends with it as with a number.
pub async fn find(
    operator: &Operator,
    appmasters: Vec<Place>,
    frameworks: &[String],
    word: Option<&str>,
) -> Result<Place, FindError> {
    let Some(word) = word.filter(|word| *word != JOBMANAGER) else {
        return appmasters.into_iter().next().ok_or(FindError::NoAppMaster);
    };
    if let Some(exactly) = appmasters.iter().find(|place| place.task_id == word) {
        return Ok(exactly.clone());
    }
    let mut places = appmasters;
    for framework_id in frameworks {
        let tasks = operator.tasks(framework_id).await;
        let tasks =
            tasks.map_err(|source| FindError::Master { framework_id: framework_id.clone(), source })?;
        places.extend(tasks.into_iter().map(Place::from));
    }
    choose(places, word)
}

fn choose(places: Vec<Place>, word: &str) -> Result<Place, FindError> {
    let mut meant: Vec<_> = places.into_iter().filter(|place| is_of(&place.task_id, word)).collect();
    let exactly = meant.iter().position(|place| place.task_id == word);
    let index = match (exactly, meant.len()) {
        (Some(index), _) => index,
        (None, 1) => 0,
        (None, 0) => return Err(FindError::NoTask { word: word.to_owned() }),
        (None, count) => {
            let mut names: Vec<_> = meant.into_iter().map(|place| place.task_id).take(MAX_NAMED).collect();
            if count > MAX_NAMED {
                names.push(format!("and {} more", count - MAX_NAMED));
            }
            return Err(FindError::Ambiguous { word: word.to_owned(), names });
        }
    };
    Ok(meant.swap_remove(index))
}

/// Ids of one framework have the same beginning and a number at their end.
fn is_of(task_id: &str, word: &str) -> bool {
    let is_number = |rest: &str| rest.ends_with('-') && !word.is_empty();
    task_id.starts_with(word) || task_id.strip_suffix(word).is_some_and(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(names: &[&str]) -> Vec<Place> {
        let place = |name: &&str| Place {
            task_id: (*name).to_owned(),
            framework_id: "f".to_owned(),
            executor: (*name).to_owned(),
            agent_id: "s".to_owned(),
        };
        names.iter().map(place).collect()
    }

    #[test]
    fn a_task_is_meant_by_as_much_as_makes_it_the_only_one() {
        let chosen = |names: &[&str], word: &str| {
            choose(places(names), word).map(|place| place.task_id).map_err(|error| error.to_string())
        };
        assert_eq!(chosen(&["a-1", "a-10", "b-1"], "b").as_deref(), Ok("b-1"));
        assert_eq!(chosen(&["a-10", "a-1", "b-1"], "a-1").as_deref(), Ok("a-1"));
        let error = chosen(&["a-1", "a-10", "b-1"], "a").expect_err("two");
        assert_eq!(error, "\"a\" is of several tasks: a-1, a-10");
        assert_eq!(chosen(&["a-01", "a-11", "b-02"], "02").as_deref(), Ok("b-02"));
        assert_eq!(chosen(&["a-01", "a-11", "b-02"], "11").as_deref(), Ok("a-11"));
        assert!(chosen(&["a-01", "a-11", "b-02"], "1").is_err(), "no whole number");
        let error = chosen(&["a-1", "a-2", "a-3", "a-4", "a-5", "a-6", "a-7"], "").expect_err("seven");
        assert!(error.ends_with("a-5, and 2 more"), "{error}");
        let error = chosen(&["a-1"], "c").expect_err("none");
        assert_eq!(
            error,
            "there is no task whose id begins with \"c\" or ends with -c, or Mesos has forgotten it"
        );
    }
}
