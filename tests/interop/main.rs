//! The client against peers that no one here wrote: libcoap's server and
//! aiocoap, over UDP. Named after ETSI's plugtest cases where one applies
//! (`TD_COAP_CORE_*`, ETSI CTI Plugtests Guide for CoAP; our client posts and
//! does nothing else, so a case about GET is tried with POST).
//!
//! Both must be there, or the tests fail and say what to install. aiocoap is
//! fetched once, in the version of `tests/interop/requirements.txt`, into the
//! target folder.

mod aiocoap;
mod bench;
mod foreign_tokens;
mod libcoap;
mod peer;
mod plugtests;
mod wire;
