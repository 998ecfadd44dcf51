//! What a person types during and after a shift, through the real program: pauses answered from anywhere, waits, the way back,
//! interrupts, and what each of them says.

mod answers;
mod interrupts;
mod rollbacks;
mod said;
mod terminal;
mod waits;
mod watch;
mod worker;
