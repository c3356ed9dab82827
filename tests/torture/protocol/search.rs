//! The search through all that can happen.

use super::model::Model;
use super::world::{At, Pid, World};
use std::collections::HashMap;

impl Model {
    /// Searches everything. The number of states, or what goes wrong and the way there.
    pub fn search(&self) -> Result<usize, String> {
        let mut numbers: HashMap<World, usize> = HashMap::new();
        let mut states = vec![World::new(self)];
        let mut reached_by: Vec<Option<(usize, Pid, At)>> = vec![None];
        // Without happenings: who can get where.
        let mut back: Vec<Vec<usize>> = vec![Vec::new()];
        numbers.insert(states[0].clone(), 0);
        let way = |reached_by: &[Option<(usize, Pid, At)>], mut state: usize| {
            let mut way = Vec::new();
            while let Some((before, pid, at)) = reached_by[state] {
                way.push(format!("{pid}: {at:?}"));
                state = before;
            }
            way.reverse();
            way.join(", ")
        };
        let mut here = 0;
        while here < states.len() {
            let world = states[here].clone();
            let at_rest = world.is_at_rest();
            let rest = if at_rest {
                world.check_at_rest(self)
            } else {
                Ok(())
            };
            let steps = world.check().and(rest).and_then(|()| self.steps(&world));
            let steps = steps.map_err(|what| format!("{what} after {}", way(&reached_by, here)))?;
            let calls = steps.len();
            let all = steps.into_iter().chain(self.happenings(&world));
            for (number, (pid, at, then)) in all.enumerate() {
                let known = numbers.len();
                let there = *numbers.entry(then).or_insert_with_key(|then| {
                    states.push(then.clone());
                    reached_by.push(Some((here, pid, at)));
                    back.push(Vec::new());
                    known
                });
                if number < calls {
                    back[there].push(here);
                }
            }
            here += 1;
        }
        // Every wait ends: from everywhere, the system calls alone lead to rest.
        let mut ends = vec![false; states.len()];
        let mut left: Vec<usize> = (0..states.len())
            .filter(|n| states[*n].is_at_rest())
            .collect();
        while let Some(state) = left.pop() {
            if !std::mem::replace(&mut ends[state], true) {
                left.extend(&back[state]);
            }
        }
        match ends.iter().position(|ends| !ends) {
            Some(state) => Err(format!(
                "a wait has no end after {}",
                way(&reached_by, state)
            )),
            None => Ok(states.len()),
        }
    }
}
