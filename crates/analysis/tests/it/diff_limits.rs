//! What happens past the limits: less is kept, all is counted, and everything left out is named.

use codeflow_analysis::{DiffLimits, DiffReader, OmittedReason};

use crate::repo::read_in_pieces;

fn added_file(name: &str, lines: usize) -> Vec<u8> {
    let mut text =
        format!("diff --git a/{name} b/{name}\nnew file mode 100644\n--- /dev/null\n+++ b/{name}\n");
    text.push_str(&format!("@@ -0,0 +1,{lines} @@\n"));
    for number in 0..lines {
        text.push_str(&format!("+line {number:06}\n"));
    }
    text.into_bytes()
}

#[test]
fn a_file_past_its_limit_is_cut_between_lines_and_still_counted() {
    let text = [added_file("big", 1000), added_file("small", 3)].concat();
    let limits = DiffLimits { file_bytes: 200, ..DiffLimits::default() };

    let diff = read_in_pieces(&text, 7, limits);

    let big = &diff.files[0];
    assert!(big.cut && big.patch.len() <= 200 && big.patch.ends_with('\n'));
    assert_eq!(big.additions, 1000);
    assert_eq!(big.added_lines().last().unwrap().1.len(), "line 000000".len());
    assert!(!diff.files[1].cut);
    assert_eq!(diff.omitted.len(), 1);
    assert_eq!((diff.omitted[0].path.as_str(), diff.omitted[0].reason), ("big", OmittedReason::FileTooLarge));
    assert_eq!(diff.omitted[0].bytes as usize + big.patch.len(), 1000 * 13 + "@@ -0,0 +1,1000 @@\n".len());
}

#[test]
fn a_diff_past_its_limit_keeps_the_later_files_without_their_text() {
    let text = [added_file("a", 100), added_file("b", 100)].concat();
    let limits = DiffLimits { total_bytes: 1000, ..DiffLimits::default() };

    let diff = read_in_pieces(&text, 100, limits);

    assert!(diff.files.iter().map(|file| file.patch.len()).sum::<usize>() <= 1000);
    assert_eq!(diff.files[1].additions, 100);
    let reasons: Vec<_> = diff.omitted.iter().map(|entry| entry.reason).collect();
    assert_eq!(reasons, [OmittedReason::DiffTooLarge, OmittedReason::DiffTooLarge]);
    assert!(diff.is_partial());
}

#[test]
fn files_past_the_limit_are_named_but_not_kept() {
    let text: Vec<u8> = (0..5).flat_map(|n| added_file(&format!("f{n}"), 2)).collect();
    let limits = DiffLimits { files: 3, ..DiffLimits::default() };

    let diff = read_in_pieces(&text, 1000, limits);

    assert_eq!((diff.files.len(), diff.totals.files, diff.totals.additions), (3, 5, 10));
    let named: Vec<_> = diff.omitted.iter().map(|entry| (entry.path.as_str(), entry.reason)).collect();
    assert_eq!(named, [("f3", OmittedReason::TooManyFiles), ("f4", OmittedReason::TooManyFiles)]);
}

#[test]
fn a_long_line_keeps_its_beginning_and_the_numbers_after_it_stay_right() {
    let long = "x".repeat(5000);
    let text = format!("diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1,3 @@\n ctx\n+{long}\n+after\n");
    let limits = DiffLimits { line_bytes: 100, ..DiffLimits::default() };

    for piece in [1, 64, 10_000] {
        let diff = read_in_pieces(text.as_bytes(), piece, limits);

        let added: Vec<_> = diff.files[0].added_lines().map(|(number, text)| (number, text.len())).collect();
        assert_eq!(added, [(2, 99), (3, 5)]);
        assert_eq!(diff.omitted[0].reason, OmittedReason::LineTooLong);
        assert_eq!(diff.omitted[0].bytes, 4901);
        assert!(diff.files[0].cut);
    }
}

#[test]
fn the_list_of_what_is_left_out_has_an_end() {
    let text: Vec<u8> = (0..1500).flat_map(|n| added_file(&format!("f{n}"), 1)).collect();
    let limits = DiffLimits { files: 0, ..DiffLimits::default() };

    let diff = read_in_pieces(&text, 4096, limits);

    assert_eq!((diff.omitted.len(), diff.omitted_more, diff.totals.files), (1000, 500, 1500));
}

#[test]
fn two_hundred_megabytes_leave_no_more_than_the_limit_behind() {
    let chunk = added_file("generated.txt", 80_000);
    let mut reader = DiffReader::new(DiffLimits::default());
    let mut fed = 0;
    while fed < 200 << 20 {
        reader.push(&chunk);
        fed += chunk.len();
    }

    let diff = reader.finish("a", "b");

    assert!(diff.files.iter().map(|file| file.patch.len()).sum::<usize>() <= 16 << 20);
    assert_eq!(diff.totals.bytes as usize, fed);
    assert!(diff.omitted.iter().any(|entry| entry.reason == OmittedReason::DiffTooLarge));
}
