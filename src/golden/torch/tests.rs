use super::*;

const TEXT: &str = "#{\"n_cases\": 2}\n\
    case,0,maxpool,K=3,S=2\n\
    tensor,in.x,f32,1x2x1x2,3f800000,40000000,bf800000,80000000\n\
    tensor,in.labels,i64,2,3,-1\n\
    case,1,net=lenet,B=3\n\
    tensor,loss,f64,1,3ff0000000000000\n";

#[test]
fn cases_keys_and_tensors() {
    let vectors = TorchVectors::parse(TEXT).unwrap();
    let case = &vectors.cases[0];
    assert_eq!(
        (case.id, case.kind.as_str(), case.number::<usize>("K").unwrap()),
        (0, "maxpool", 3)
    );
    let x = case.tensor("in.x").unwrap();
    assert_eq!(x.f32().unwrap(), [1.0, 2.0, -1.0, -0.0]);
    let nhwc = x.nchw_to_nhwc().unwrap();
    assert_eq!(nhwc.shape, [1, 1, 2, 2]);
    assert_eq!(nhwc.f32().unwrap(), [1.0, -1.0, 2.0, -0.0]);
    let labels = case.tensor("in.labels").unwrap();
    assert_eq!(labels.i64().unwrap(), [3, -1]);
    assert!(labels.labels().is_err() && labels.f32().is_err() && labels.nchw_to_nhwc().is_err());
    let network = vectors.of_kind("lenet").next().unwrap();
    assert_eq!(network.tensor("loss").unwrap().f64().unwrap(), [1.0]);
    assert!(matches!(network.tensor("x"), Err(TorchError::Missing { case: 1, .. })));
    assert!(matches!(network.number::<usize>("net"), Err(TorchError::Key { case: 1, .. })));
}

#[test]
fn filters_keep_their_outputs_first() {
    let values = Values::I64((0..12).collect());
    let filters = Tensor { shape: vec![2, 3, 1, 2], values }.oihw_to_ohwi().unwrap();
    assert_eq!(filters.shape, [2, 1, 2, 3]);
    assert_eq!(filters.i64().unwrap(), [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]);
}

#[test]
fn malformed_files_are_errors_with_a_line() {
    let message = |from: &str, to: &str| {
        TorchVectors::parse(&TEXT.replacen(from, to, 1)).unwrap_err().to_string()
    };
    assert_eq!(message("#{", "{"), "line 1: must be `#` and a JSON object");
    assert!(message("\"n_cases\": 2", "").contains("n_cases"));
    assert!(message("2}", "3}").contains("truncated"));
    assert_eq!(message("case,0", "case,zero"), "line 2: case number `zero` is not a number");
    assert_eq!(message("maxpool,", ""), "line 2: a case needs a kind or `net=`");
    assert_eq!(message("K=3", "S=3"), "line 2: a second `S`");
    assert_eq!(message("case,0,maxpool,K=3,S=2\n", ""), "line 2: a tensor before a case");
    assert_eq!(message("3f800000", "+f800000"), "line 3: `+f800000` is not a value");
    assert_eq!(
        message("1x2x1x2", "1x2x1x3"),
        "line 3: tensor `in.x` of shape 1x2x1x3 has 4 values"
    );
    assert!(message("1x2x1x2", "1xx").contains("shape `1xx`"));
    assert!(message("f32", "f16").contains("`f16`"));
    assert!(message("in.labels", "in.x\n").contains("needs a type"));
    assert!(message("in.labels,i64,2,3,-1", "in.x,i64,1,3").contains("second tensor `in.x`"));
    assert!(message("tensor", "tensors").contains("`case,`"));
    assert!(TorchVectors::parse("").is_err());
    assert!(
        TorchVectors::read(Path::new("no such file")).unwrap_err().to_string().contains("no such")
    );
}

#[test]
fn every_prefix_of_a_file_is_an_error_and_no_panic() {
    // Without the last line break the text is complete, and a prefix of the header is no JSON.
    for end in 0..TEXT.len() - 1 {
        assert!(TorchVectors::parse(&TEXT[..end]).is_err(), "{end}");
    }
}
