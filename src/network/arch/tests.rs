use super::*;
use crate::network::Parameter;

const INITIALISATION: Initialisation = Initialisation { seed: 1, scale: 0.5 };

fn task(side: usize, channels: usize, classes: usize) -> Task {
    Task { input: [side, side, channels], classes, initialisation: INITIALISATION }
}

fn parameters(net: &Builder) -> usize {
    net.parameters().iter().map(Parameter::elements).sum()
}

fn macs(net: &Builder) -> u64 {
    net.mac_layers().iter().map(|layer| layer.macs).sum()
}

fn small(name: &str, channels: usize) -> Builder {
    layers(name, &task(32, channels, 10)).unwrap()
}

#[test]
fn parameter_counts_are_those_of_the_shapes() {
    // 64·363 + 192·1600 + 384·1728 + 256·3456 + 256·2304 weights, 1152 biases, 2570 of the classifier.
    assert_eq!(parameters(&small("alexnet", 3)), 2_472_266);
    // He et al. (2016) give 0.27 M for ResNet-20; here with two 1×1 shortcuts and their norms.
    assert_eq!(parameters(&small("resnet20", 3)), 272_474);
    // LeCun et al. (1998) with full connections in C3 and a plain classifier.
    assert_eq!(parameters(&small("lenet5", 1)), 61_706);
}

#[test]
fn multiply_adds_are_those_of_the_shapes() {
    let alexnet =
        64 * 64 * 363 + 16 * 192 * 1600 + 4 * (384 * 1728 + 256 * 3456 + 256 * 2304) + 2560;
    assert_eq!(macs(&small("alexnet", 3)), alexnet);
    assert_eq!(macs(&small("resnet20", 3)), 40_813_184);
}

/// Parameters as the documentation of torchvision's models states them, and multiply-adds exactly, which it
/// rounds to the second decimal of 10^9.
#[test]
fn networks_for_images_of_224_have_the_sizes_of_torchvision() {
    for (name, parameter_count, mac_count, published) in [
        ("resnet18", 11_689_512, 1_814_073_344, "1.81"),
        ("resnet34", 21_797_672, 3_663_761_408, "3.66"),
        ("resnet50", 25_557_032, 4_089_184_256, "4.09"),
        ("vgg11", 132_863_336, 7_609_090_048, "7.61"),
        ("vgg13", 133_047_848, 11_308_466_176, "11.31"),
        ("vgg16", 138_357_544, 15_470_264_320, "15.47"),
        ("vgg19", 143_667_240, 19_632_062_464, "19.63"),
        ("googlenet", 6_624_904, 1_498_376_192, "1.50"),
        ("mobilenetv2", 3_504_872, 300_774_272, "0.30"),
        ("alexnet-imagenet", 61_100_840, 714_188_480, "0.71"),
    ] {
        let net = layers(name, &task(224, 3, 1000)).unwrap();
        assert_eq!(parameters(&net), parameter_count, "{name}");
        assert_eq!(macs(&net), mac_count, "{name}");
        assert_eq!(format!("{:.2}", mac_count as f64 / 1e9), published, "{name}");
        assert_eq!(published_task(name).unwrap(), ([224, 224, 3], 1000));
    }
}

/// Parameters of the usual variants for images of 32×32; GoogLeNet and its multiply-adds as in
/// papers/muppet.md section 4.
#[test]
fn networks_for_images_of_32_have_the_usual_sizes() {
    for (name, count) in [
        ("resnet18", 11_173_962),
        ("resnet34", 21_282_122),
        ("resnet50", 23_520_842),
        ("vgg11", 9_231_114),
        ("vgg13", 9_416_010),
        ("vgg16", 14_728_266),
        ("vgg19", 20_040_522),
        ("googlenet", 6_166_250),
        ("mobilenetv2", 2_296_922),
    ] {
        assert_eq!(parameters(&small(name, 3)), count, "{name}");
    }
    assert_eq!(macs(&small("googlenet", 3)), 1_521_756_160);
    let hundred = layers("googlenet", &task(32, 3, 100)).unwrap();
    assert_eq!((parameters(&hundred), macs(&hundred)), (6_258_500, 1_521_848_320));
    // 64 convolutions and their norms, and the classifier: 258 tensors.
    assert_eq!((hundred.mac_layers().len(), hundred.parameters().len()), (65, 258));
}

/// macs = oh · ow · o · kh · kw · c / groups, added up by hand: convolution, 17 blocks, convolution,
/// classifier.
#[test]
fn depthwise_multiply_adds_have_no_sum_over_channels() {
    let net = layers("mobilenetv2", &task(224, 3, 1000)).unwrap();
    let of = |name: &str| net.mac_layers().iter().find(|layer| layer.name == name).unwrap().macs;
    assert_eq!(of("stage1.0.depthwise"), 112 * 112 * 32 * 9);
    assert_eq!(of("stage2.0.depthwise"), 56 * 56 * 96 * 9);
    assert_eq!(of("stage7.0.depthwise"), 7 * 7 * 960 * 9);
    assert_eq!(of("stage7.0.project"), 7 * 7 * 960 * 320);
}

fn of_tokens(name: &str) -> Network {
    let task = Task { input: [10, 1, 1], classes: 50, initialisation: INITIALISATION };
    build(name, &task).unwrap()
}

#[test]
fn the_lstm_has_the_parameters_and_multiply_adds_of_its_shapes() {
    let network = of_tokens("lstm");
    // Embedding 50·128; two layers of 4·128·(128 + 128) weights and 4·128 biases; output 50·129.
    let count: usize = network.parameters.iter().map(Parameter::elements).sum();
    assert_eq!(count, 50 * 128 + 2 * (512 * 256 + 512) + 50 * 129);
    // For each of ten tokens: 2·(512·128 + 512·128) + 50·128.
    let macs: u64 = network.mac_layers.iter().map(|layer| layer.macs).sum();
    assert_eq!(macs, 10 * (2 * 512 * 256 + 50 * 128));
    let names: Vec<&str> = network.mac_layers.iter().map(|layer| &*layer.name).collect();
    assert_eq!(
        names,
        ["lstm1.input", "lstm1.recurrent", "lstm2.input", "lstm2.recurrent", "output"]
    );
    assert_eq!((network.predictions(), network.classes, network.takes_tokens()), (10, 50, true));
}

#[test]
fn the_transformer_has_the_parameters_and_multiply_adds_of_its_shapes() {
    let network = of_tokens("transformer");
    // A block: two norms of 2·128, queries, keys and values 384·129, output 128·129, 512·129 and 128·513.
    let block = 2 * 256 + 384 * 129 + 128 * 129 + 512 * 129 + 128 * 513;
    // Embeddings of 50 tokens and 10 places, two blocks, a norm, output 50·129.
    let count: usize = network.parameters.iter().map(Parameter::elements).sum();
    assert_eq!(count, 50 * 128 + 10 * 128 + 2 * block + 256 + 50 * 129);
    // A block has 12·128² for each token and 2·128 for each pair of tokens.
    let macs: u64 = network.mac_layers.iter().map(|layer| layer.macs).sum();
    let block = 10 * 12 * 128 * 128 + 10 * 10 * 2 * 128;
    assert_eq!(macs, 2 * block + 10 * 50 * 128);
    assert_eq!((network.predictions(), network.classes, network.takes_tokens()), (10, 50, true));
}

#[test]
fn language_models_refuse_images() {
    for name in ["lstm", "transformer"] {
        assert!(is_language_model(name));
        let error = build(name, &task(32, 1, 10)).err().unwrap().to_string();
        assert!(error.contains("takes sequences of token numbers"), "{error}");
    }
    assert!(!build("mlp", &task(32, 3, 10)).unwrap().takes_tokens());
}

#[test]
fn unknown_names_list_the_known() {
    let error = build("alexnot", &task(32, 3, 10)).err().unwrap().to_string();
    insta::assert_snapshot!(error, @"unknown architecture `alexnot`: use one of lenet5, alexnet, resnet20, mlp, resnet18, resnet34, resnet50, vgg11, vgg13, vgg16, vgg19, googlenet, mobilenetv2, alexnet-imagenet, lstm, transformer");
    assert!(published_task("alexnot").is_err());
}

#[test]
fn images_that_are_too_small_are_refused() {
    let error = build("lenet5", &task(4, 3, 10)).err().unwrap().to_string();
    insta::assert_snapshot!(error, @"`lenet5` takes images of at least 16×16 pixels, got 4×4: use larger images or one of resnet20, mlp, resnet18, resnet34, resnet50, googlenet, mobilenetv2");
    let flat = Task { input: [224, 20, 3], ..task(32, 3, 10) };
    let error = build("vgg16", &flat).err().unwrap().to_string();
    assert!(
        error.starts_with("`vgg16` takes images of at least 32×32 pixels, got 224×20"),
        "{error}"
    );
}

#[test]
fn the_least_image_is_the_smallest_that_fits() {
    let of_images = ARCHITECTURES.iter().filter(|known| !is_language_model(known.name));
    for Architecture { name, build, least, .. } in of_images {
        let net = layers(name, &task(*least, 3, 10)).unwrap();
        assert_eq!(net.nodes().last().unwrap().shape, [1, 1, 10], "{name}");
        assert!(*least == 1 || build(&task(least - 1, 3, 10)).is_err(), "{name}");
        // The smallest image of the other variant, and one with unequal sides.
        for input in [[SMALL_IMAGE + 1, SMALL_IMAGE + 1, 1], [65, 200, 3]] {
            let task = Task { input, ..task(32, 3, 10) };
            assert_eq!(layers(name, &task).unwrap().nodes().last().unwrap().shape, [1, 1, 10]);
        }
    }
}

#[test]
fn names_of_layers_are_unique() {
    for name in names() {
        for side in [32, 224] {
            let Ok(net) = layers(name, &task(side, 3, 10)) else { continue };
            let mut names: Vec<&str> = net.nodes().iter().map(|node| &node.name[..]).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{name}");
        }
    }
}
