//! The artifacts that are part of the product.

use std::collections::BTreeSet;
use std::path::Path;

use artifacts::{ArtifactSet, SourceChoice, compile, parse_artifact};
use vql_syntax::parse_program;

fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("library");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_file_is_good_and_named_like_its_artifact() {
    for (file, yaml) in files() {
        match parse_artifact(&file, &yaml) {
            Ok(artifact) => assert_eq!(file, format!("{}.yaml", artifact.name)),
            Err(problems) => {
                panic!("{}", problems.iter().map(|p| p.render()).collect::<String>())
            }
        }
    }
}

#[test]
fn every_file_is_part_of_the_product() {
    let on_disk: BTreeSet<String> = files().into_iter().map(|(file, _)| file).collect();
    let set = ArtifactSet::built_in();
    let built_in: BTreeSet<String> =
        set.iter().map(|artifact| set.file(&artifact.name).unwrap().to_owned()).collect();
    assert_eq!(on_disk, built_in);
    assert!(built_in.len() >= 42, "only {} artifacts", built_in.len());
    assert_eq!(set.problems(), []);
}

#[test]
fn every_artifact_compiles_with_its_defaults() {
    let set = ArtifactSet::built_in();
    for artifact in set.iter() {
        let compiled = compile(&set, &artifact.name, &[], &SourceChoice::All)
            .unwrap_or_else(|wrong| panic!("{}: {wrong:?}", artifact.name));
        assert!(!compiled.sources.is_empty());
        let conditions = compiled.sources.iter().filter_map(|source| source.precondition.as_ref());
        let texts = compiled.sources.iter().map(|source| &source.vql).chain(conditions);
        for text in texts.chain((!compiled.prelude.is_empty()).then_some(&compiled.prelude)) {
            let parsed = parse_program(text);
            assert_eq!((&parsed.errors, &parsed.warnings), (&vec![], &vec![]), "{text}");
        }
    }
}

#[test]
fn every_artifact_tells_people_what_they_need() {
    for artifact in ArtifactSet::built_in().iter() {
        let name = &artifact.name;
        assert!(artifact.description.contains("Example: `"), "{name}: no example");
        assert!(!artifact.references.is_empty(), "{name}: no reference");
        for parameter in &artifact.parameters {
            assert!(
                !parameter.description.is_empty(),
                "{name}: {} is not described",
                parameter.name
            );
        }
    }
}
