//! `style/main.css` and what it imports, as one minified sheet.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use lightningcss::bundler::{Bundler, FileProvider};
use lightningcss::printer::PrinterOptions;
use lightningcss::stylesheet::{MinifyOptions, ParserOptions};

/// Written for browsers of the last two years, so nothing is lowered for older ones.
pub(super) fn bundle(main: &Path) -> Result<String> {
    let files = FileProvider::new();
    let mut sheet = Bundler::new(&files, None, ParserOptions::default())
        .bundle(main)
        .map_err(|error| anyhow!("{error}"))
        .with_context(|| format!("cannot bundle {}", main.display()))?;
    sheet
        .minify(MinifyOptions::default())
        .map_err(|error| anyhow!("{error}"))
        .with_context(|| format!("cannot minify {}", main.display()))?;
    let printed = sheet
        .to_css(PrinterOptions {
            minify: true,
            ..PrinterOptions::default()
        })
        .map_err(|error| anyhow!("{error}"))
        .with_context(|| format!("cannot print {}", main.display()))?;
    Ok(printed.code)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn imports_become_layers_of_one_sheet() {
        let dir = tempfile::tempdir().unwrap();
        let main = dir.path().join("main.css");
        fs::write(
            &main,
            "@layer reset, base;\n@import \"base.css\" layer(base);\n",
        )
        .unwrap();
        fs::write(
            dir.path().join("base.css"),
            "a { color: light-dark(#000000, #ffffff); & b { margin: 0 0 0 0 } }",
        )
        .unwrap();
        let css = bundle(&main).unwrap();
        assert_eq!(
            css,
            "@layer reset;@layer base{a{color:light-dark(#000,#fff);& b{margin:0}}}"
        );
    }

    #[test]
    fn a_missing_import_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let main = dir.path().join("main.css");
        fs::write(&main, "@import \"absent.css\";\n").unwrap();
        let error = format!("{:#}", bundle(&main).unwrap_err());
        assert!(error.contains("main.css"), "{error}");
    }
}
