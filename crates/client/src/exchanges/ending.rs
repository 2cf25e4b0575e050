//! Ends requests: with an answer, without one, or by a cancellation.

use super::Exchanges;
use crate::event::GiveUp;
use crate::exchange::{End, Exchange, Owner};
use crate::late_answers::Asked;

impl<A> Exchanges<A> {
    /// Ends the request at `index` without an answer, if it is the application's, and
    /// returns its owner. [`release_sign_in`](Self::release_sign_in) ends a sign-in's
    /// request.
    pub(crate) fn give_up(&mut self, index: usize, reason: GiveUp) -> Owner {
        let exchange = &mut self.list[index];
        let owner = exchange.owner();
        if owner == Owner::Application {
            exchange.give_up(reason);
        }
        owner
    }

    /// Ends all requests that wait for an access token.
    pub(crate) fn give_up_parked(&mut self) {
        while let Some(index) = self.oldest_parked() {
            self.give_up(index, GiveUp::NotSignedIn);
        }
    }

    /// Takes the next request that ended: the application's data, the token, and how it
    /// ended.
    pub(crate) fn take_ended(&mut self) -> Option<(A, u32, End)> {
        let Some(index) = self.position(|exchange| exchange.end().is_some()) else {
            let (application, token) = self.displaced.pop()?;
            return Some((application, token, End::GaveUp(GiveUp::Displaced)));
        };
        let exchange = &self.list[index];
        let (token, end) = (exchange.request().token(), exchange.end()?);
        Some((self.release(index)?, token, end))
    }

    /// Frees the place at `index`, and returns the application's data.
    pub(crate) fn release(&mut self, index: usize) -> Option<A> {
        let application = self.list[index].release();
        self.outstanding -= usize::from(application.is_some());
        application
    }

    /// Ends the application's exchange with this token, whatever its state, unless the
    /// application knows that it has ended.
    pub(crate) fn cancel(&mut self, token: u32) -> Option<A> {
        let index = self.position(|exchange| {
            exchange.owner() == Owner::Application && exchange.request().token() == token
        });
        match index {
            Some(index) => self.release(index),
            None => self.displaced.take(token),
        }
    }

    /// Whether there is a sign-in's request that was transmitted once at most, and not
    /// acknowledged.
    pub(crate) fn is_sign_in_fresh(&self) -> bool {
        let is_fresh =
            |exchange: &Exchange<A>| exchange.owner() == Owner::SignIn && exchange.is_fresh();
        self.position(is_fresh).is_some()
    }

    /// Ends the sign-in's request, if there is one. Returns it if it may still be answered.
    pub(crate) fn release_sign_in(&mut self) -> Option<Asked> {
        let index =
            self.position(|exchange| exchange.owner() == Owner::SignIn && exchange.awaits_peer())?;
        self.release(index);
        let exchange = &self.list[index];
        let (token, id) = (exchange.request().token(), exchange.request().id());
        let until = exchange.answerable_until(&self.timing)?;
        Some(Asked { token, id, until })
    }
}
