//! The targets on the recorded exchanges, on the committed corpus, and on changes to both.

mod corpus;
mod mutations;
