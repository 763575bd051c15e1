//! What people and programs are told of a run: bars or lines while it goes on, a table or JSON at its end.

pub mod bars;
pub mod failures;
pub mod json;
pub mod lines;
pub mod numbers;
pub mod plan;
pub mod summary;
pub mod table;

use crate::local::step::Step;

/// Shows steps while they go on.
pub trait View {
    /// Something about this step changed.
    fn changed(&mut self, step: &Step);

    /// A line for the person at the terminal, which must not garble what is shown.
    fn say(&mut self, line: &str);

    /// Nothing will change any more.
    fn finish(&mut self);
}

/// Bars on a terminal, lines elsewhere.
pub fn view(steps: &[Step]) -> Box<dyn View> {
    if console::user_attended_stderr() {
        Box::new(bars::Bars::new(steps))
    } else {
        Box::new(lines::Lines::new(steps))
    }
}
