//! Class names of the data sets whose files do not carry them.

use super::{DataError, DatasetKind, EmnistSplit};
use std::path::Path;

const FASHION_MNIST: &str =
    "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot";

const CIFAR10: &str = "airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck";

const CIFAR100: &str = "apple,aquarium_fish,baby,bear,beaver,bed,bee,beetle,bicycle,bottle,bowl,boy,\
bridge,bus,butterfly,camel,can,castle,caterpillar,cattle,chair,chimpanzee,clock,cloud,cockroach,\
couch,crab,crocodile,cup,dinosaur,dolphin,elephant,flatfish,forest,fox,girl,hamster,house,kangaroo,\
keyboard,lamp,lawn_mower,leopard,lion,lizard,lobster,man,maple_tree,motorcycle,mountain,mouse,\
mushroom,oak_tree,orange,orchid,otter,palm_tree,pear,pickup_truck,pine_tree,plain,plate,poppy,\
porcupine,possum,rabbit,raccoon,ray,road,rocket,rose,sea,seal,shark,shrew,skunk,skyscraper,snail,\
snake,spider,squirrel,streetcar,sunflower,sweet_pepper,table,tank,telephone,television,tiger,tractor,\
train,trout,tulip,turtle,wardrobe,whale,willow_tree,wolf,woman,worm";

const DIGITS: &str = "0123456789";
const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const SMALL: &str = "abcdefghijklmnopqrstuvwxyz";

/// The small letters that the merged splits of EMNIST tell from their capitals.
const DISTINCT_SMALL: &str = "abdefghnqrt";

/// The names of the classes of a data set, label 0 first; none for class folders and texts.
pub(super) fn built_in(kind: DatasetKind) -> Vec<String> {
    match kind {
        DatasetKind::FashionMnistSlice | DatasetKind::FashionMnist => separated(FASHION_MNIST),
        DatasetKind::Mnist => characters(&[DIGITS]),
        DatasetKind::Emnist(split) => match split {
            EmnistSplit::Digits | EmnistSplit::Mnist => characters(&[DIGITS]),
            EmnistSplit::Letters => characters(&[CAPITALS]),
            EmnistSplit::ByClass => characters(&[DIGITS, CAPITALS, SMALL]),
            EmnistSplit::Balanced | EmnistSplit::ByMerge => {
                characters(&[DIGITS, CAPITALS, DISTINCT_SMALL])
            }
        },
        DatasetKind::Cifar10 => separated(CIFAR10),
        DatasetKind::Cifar100 => separated(CIFAR100),
        DatasetKind::Folder | DatasetKind::Arrays | DatasetKind::Text => Vec::new(),
    }
}

/// The names in a text file, one a line, or the built-in ones if there is no such file.
pub(super) fn from_file(file: &Path, kind: DatasetKind) -> Result<Vec<String>, DataError> {
    let built_in = built_in(kind);
    if !file.is_file() {
        return Ok(built_in);
    }
    let text = std::fs::read_to_string(file)
        .map_err(|source| DataError::Read { path: file.to_owned(), source })?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let names: Vec<String> = lines.map(str::to_owned).collect();
    if names.len() != built_in.len() {
        let (expected, found) = (built_in.len(), names.len());
        return Err(DataError::ClassNames { file: file.to_owned(), expected, found });
    }
    Ok(names)
}

fn separated(names: &str) -> Vec<String> {
    names.split(',').map(str::to_owned).collect()
}

fn characters(groups: &[&str]) -> Vec<String> {
    groups.iter().flat_map(|group| group.chars()).map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_data_set_has_its_number_of_classes() {
        let counts: Vec<usize> =
            DatasetKind::ALL.iter().map(|&kind| built_in(kind).len()).collect();
        assert_eq!(counts, [10, 10, 10, 47, 62, 47, 10, 26, 10, 10, 100, 0, 0, 0]);
    }

    #[test]
    fn names_are_distinct_and_in_the_order_of_the_labels() {
        for kind in DatasetKind::ALL {
            let mut names = built_in(kind);
            names.sort();
            names.dedup();
            assert_eq!(names.len(), built_in(kind).len(), "{kind}");
        }
        let cifar100 = built_in(DatasetKind::Cifar100);
        assert!(cifar100.is_sorted());
        let merged = built_in(DatasetKind::Emnist(EmnistSplit::Balanced));
        assert_eq!(
            (merged[10].as_str(), merged[36].as_str(), merged[46].as_str()),
            ("A", "a", "t")
        );
    }
}
