//! How an owner that ends passes the file on: handover/give.rs.

use super::candidate::Main;
use super::ending::Remove;
use super::model::{Assume, Call, Fault, Model, Outcome, Rights};
use super::world::{At, CHILD, Link, MESSAGE};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pass {
    /// `choose::successor`: `looks.are_pending`
    AskUndecided,
    /// `choose::successor`: `page.claimants()`
    FindSuccessor,
    /// `shared::confirm`: connects
    Connect,
    /// `file.look_until_settled()`
    Look,
    /// `file.rename_owner(pid)`: `look`, `names_us`
    Compare,
    /// `file.rename_owner(pid)`: `replace`
    Write,
    /// `page.knows(pid)`: whether it has begun to end meanwhile
    AskCandidate,
    /// `connection.offer(fd)`
    Send,
    /// `connection.answer(TAKING)`
    Wait,
    /// `comes_back(pid)`
    ComesBack,
    /// `file.take_back()`, under the lock, unless it is deleted
    TakeBack,
    /// `page.forget(pid)` of one that has ended
    ForgetEnded,
    /// `page.abandon()`
    Abandon,
    /// What has come since the last look at the children
    LookAgain,
}

impl Model {
    pub fn pass_on(&self, step: Pass, call: &mut Call) -> Outcome {
        let remove = At::Remove(Remove::Look);
        let child_lives = call.before.is_alive(CHILD);
        let to = match step {
            Pass::AskUndecided if is_deciding(call) => {
                if self.assume == Assume::AnySpeed {
                    call.or_at_the_bound(At::Pass(Pass::Abandon));
                }
                Pass::AskUndecided
            }
            Pass::AskUndecided => {
                if is_undecided(call) {
                    // It goes on, or is found at rest.
                    call.or_at_the_bound(At::Pass(Pass::FindSuccessor));
                    Pass::AskUndecided
                } else {
                    Pass::FindSuccessor
                }
            }
            Pass::FindSuccessor if call.before.is_candidate && child_lives => Pass::Connect,
            Pass::FindSuccessor if self.fault == Fault::AbandonsAtLast => Pass::LookAgain,
            Pass::FindSuccessor => Pass::Abandon,
            Pass::Connect if call.before.listens => {
                call.then.link = Link::Open;
                Pass::Look
            }
            // It has no keeper any more: `looks.alone`.
            Pass::Connect if call.before.processes[CHILD].at == At::Aside => {
                call.then.is_candidate = false;
                Pass::AskUndecided
            }
            Pass::Connect => {
                if self.assume == Assume::AnySpeed {
                    call.or_at_the_bound(At::Pass(Pass::Abandon));
                }
                Pass::AskUndecided
            }
            Pass::Look if call.finds_nothing() && self.fault != Fault::ForgetsDeletions => {
                if call.before.link == Link::Open {
                    call.then.link = Link::Deleted;
                }
                return Ok(remove);
            }
            // Another one is there.
            Pass::Look if !call.found_there() => return Ok(remove),
            Pass::Look => Pass::Compare,
            Pass::Compare if call.found_there() && call.names_itself() => Pass::Write,
            Pass::Compare => Pass::ForgetEnded,
            Pass::Write => {
                if self.fault != Fault::GiveWithoutName {
                    call.then.write(call.pid, Some(CHILD))?;
                }
                Pass::AskCandidate
            }
            Pass::AskCandidate
                if !call.before.is_candidate && self.fault != Fault::GivesWithoutAsking =>
            {
                Pass::TakeBack
            }
            // It finds its name when this process has ended.
            Pass::AskCandidate if self.rights == Rights::Fewer => return Ok(At::Leave),
            Pass::AskCandidate => Pass::Send,
            Pass::Send if call.before.link == Link::Open => {
                let file = call.fd.unwrap();
                call.then.link = Link::File(file);
                call.then.share(file, MESSAGE);
                Pass::Wait
            }
            Pass::Send => Pass::TakeBack,
            Pass::Wait if self.fault == Fault::GiveWithoutAnswer => return Ok(At::Leave),
            Pass::Wait => match call.before.link {
                Link::Answered => return Ok(At::Leave),
                Link::Closed => Pass::ComesBack,
                _ => {
                    // It is stopped, or gets no processor. One that has called exec before cannot tell that it ends.
                    let ends = call.before.main == Main::Leaves;
                    let late = if child_lives {
                        At::Leave
                    } else {
                        At::Pass(Pass::TakeBack)
                    };
                    if !ends
                        || self.assume == Assume::AnySpeed
                        || self.fault == Fault::GivesWithoutAsking
                    {
                        call.or_at_the_bound(late);
                    }
                    Pass::Wait
                }
            },
            Pass::ComesBack if self.fault == Fault::TakesBackFromLiving => Pass::TakeBack,
            Pass::ComesBack if self.fault == Fault::KeepsNameOfEnded => return Ok(At::Leave),
            Pass::ComesBack if !child_lives => Pass::TakeBack,
            Pass::ComesBack if has_keeper(call) => return Ok(At::Leave),
            Pass::ComesBack => {
                if call.before.main != Main::Leaves || self.assume == Assume::AnySpeed {
                    call.or_at_the_bound(At::Leave);
                }
                Pass::ComesBack
            }
            Pass::TakeBack => {
                if !call.finds_nothing() && call.lock() {
                    call.then.write(call.pid, Some(call.pid))?;
                }
                Pass::ForgetEnded
            }
            Pass::ForgetEnded => {
                call.then.is_candidate &= child_lives;
                disconnect(call);
                Pass::AskUndecided
            }
            Pass::Abandon => {
                call.then.is_abandoned = true;
                if self.fault == Fault::AbandonsAtLast {
                    return Ok(remove);
                }
                Pass::LookAgain
            }
            Pass::LookAgain if is_deciding(call) || call.before.is_candidate && child_lives => {
                call.then.is_abandoned = false;
                if self.assume == Assume::AnySpeed {
                    call.or_at_the_bound(remove);
                }
                Pass::AskUndecided
            }
            Pass::LookAgain if self.fault == Fault::AbandonsAtLast => Pass::Abandon,
            Pass::LookAgain => return Ok(remove),
        };
        Ok(At::Pass(to))
    }
}

/// The owner closes a connection over which nothing was sent, or which the child has closed.
fn disconnect(call: &mut Call) {
    call.then.link = Link::None;
}

/// Whether the child has called exec, and its new image has a keeper.
fn has_keeper(call: &Call) -> bool {
    call.before.is_instance(CHILD) && !call.before.is_withdrawn
}

fn is_undecided(call: &Call) -> bool {
    call.before.main == Main::Undecided && call.before.is_alive(CHILD)
}

/// Whether the child is becoming a candidate.
fn is_deciding(call: &Call) -> bool {
    let deciding = matches!(call.before.main, Main::Deciding | Main::Register);
    deciding && call.before.is_alive(CHILD)
}
