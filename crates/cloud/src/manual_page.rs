//! The manual page, for packages: made from the command line's own help, so that
//! the two cannot differ.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_mangen::Man;

use crate::cli::Arguments;
use crate::cli::help::{EXAMPLES, MORE, REFERENCE};

/// Writes it in roff.
pub(crate) fn write(out: &mut impl Write) -> io::Result<()> {
    let page = Man::new(Arguments::command());
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    // clap_mangen would fill these lines, which have columns.
    writeln!(out, ".SH EXAMPLES\n.nf")?;
    let parts = [EXAMPLES, "", MORE, "", REFERENCE];
    let lines = parts.into_iter().flat_map(|part| part.split('\n'));
    for line in lines.skip_while(|line| !line.starts_with(' ')) {
        // The blank that does not show keeps a line from being a request.
        writeln!(out, "\\&{}", line.replace('\\', "\\e").replace('-', "\\-"))?;
    }
    writeln!(out, ".fi")
}
