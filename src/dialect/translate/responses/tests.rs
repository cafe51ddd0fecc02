mod requests;
mod streams;
