//! Least squares with a penalty, for matrices of rows that are partly sparse.

/// Rows of numbers: a few at named places, and many at the first places.
pub(super) struct Rows<'r> {
    /// Where each row's sparse part begins; one more than there are rows.
    pub(super) starts: &'r [usize],
    /// The place of each sparse number.
    pub(super) places: &'r [u32],
    /// Each sparse number.
    pub(super) numbers: &'r [f32],
    /// How many sparse places there are.
    pub(super) sparse: usize,
    /// The dense parts, one behind the other.
    pub(super) dense: &'r [f32],
    /// How long each dense part is.
    pub(super) width: usize,
}

impl Rows<'_> {
    fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Row times vector, for each row.
    fn times(&self, vector: &[f32], out: &mut [f32]) {
        let (sparse, dense) = vector.split_at(self.sparse);
        for (row, out) in out.iter_mut().enumerate() {
            let range = self.starts[row]..self.starts[row + 1];
            let named = self.places[range.clone()].iter().zip(&self.numbers[range]);
            let first: f32 = named.map(|(place, number)| sparse[*place as usize] * number).sum();
            *out = first + dot(&self.dense[row * self.width..(row + 1) * self.width], dense);
        }
    }

    /// The rows, each as often as `weights` says, added up.
    fn sum(&self, weights: &[f32], out: &mut [f32]) {
        out.fill(0.0);
        let (sparse, dense) = out.split_at_mut(self.sparse);
        for (row, weight) in weights.iter().enumerate() {
            let range = self.starts[row]..self.starts[row + 1];
            for (place, number) in self.places[range.clone()].iter().zip(&self.numbers[range]) {
                sparse[*place as usize] += weight * number;
            }
            let part = &self.dense[row * self.width..(row + 1) * self.width];
            dense.iter_mut().zip(part).for_each(|(out, number)| *out += weight * number);
        }
    }

    /// The vector that comes nearest to `wanted` in every row, at a price of `penalty` for its square length. Found by
    /// conjugate gradients; the same rows give the same vector, bit by bit.
    pub(super) fn fit(&self, wanted: &[f32], weights: &[f32], penalty: f32) -> Vec<f32> {
        let size = self.sparse + self.width;
        let (mut solution, mut product) = (vec![0.0; size], vec![0.0; size]);
        let mut rows = vec![0.0; self.count()];
        let weighted: Vec<f32> = wanted.iter().zip(weights).map(|(wanted, weight)| wanted * weight).collect();
        let mut rest = vec![0.0; size];
        self.sum(&weighted, &mut rest);
        let mut direction = rest.clone();
        let mut square = square_of(&rest);
        let enough = square * 1e-7;
        for _ in 0..MOST_STEPS {
            if square <= enough {
                break;
            }
            self.times(&direction, &mut rows);
            rows.iter_mut().zip(weights).for_each(|(row, weight)| *row *= weight);
            self.sum(&rows, &mut product);
            product.iter_mut().zip(&direction).for_each(|(product, step)| *product += penalty * step);
            let curve: f64 = product.iter().zip(&direction).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let length = (square / curve) as f32;
            solution.iter_mut().zip(&direction).for_each(|(solution, step)| *solution += length * step);
            rest.iter_mut().zip(&product).for_each(|(rest, product)| *rest -= length * product);
            let before = std::mem::replace(&mut square, square_of(&rest));
            let turn = (square / before) as f32;
            direction.iter_mut().zip(&rest).for_each(|(step, rest)| *step = rest + turn * *step);
        }
        solution
    }
}

/// More are never needed: the penalty keeps the problem well shaped.
const MOST_STEPS: usize = 120;

fn square_of(vector: &[f32]) -> f64 {
    vector.iter().map(|number| f64::from(*number) * f64::from(*number)).sum()
}

/// In eight sums, which a processor adds at once; always in the same order.
pub(super) fn dot(one: &[f32], other: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (ones, others) = (one.chunks_exact(8), other.chunks_exact(8));
    let rest: f32 = ones.remainder().iter().zip(others.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in ones.zip(others) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum::<f32>() + rest
}

/// A symmetric, positive matrix as a lower triangle times itself: rows of `size`, upper part unused.
pub(super) struct Triangle {
    rows: Vec<f64>,
    size: usize,
}

impl Triangle {
    /// `matrix` holds rows of `size`; what keeps it from being positive by rounding is mended on its diagonal.
    pub(super) fn of(mut matrix: Vec<f64>, size: usize) -> Self {
        for column in 0..size {
            let (above, below) = matrix.split_at_mut((column + 1) * size);
            let own = &mut above[column * size..];
            let square: f64 = own[..column].iter().map(|x| x * x).sum();
            own[column] = (own[column] - square).max(1e-9).sqrt();
            for row in below.chunks_exact_mut(size) {
                let sum: f64 = row[..column].iter().zip(&own[..column]).map(|(a, b)| a * b).sum();
                row[column] = (row[column] - sum) / own[column];
            }
        }
        Self { rows: matrix, size }
    }

    /// Solves `triangle × x = right`, in place.
    pub(super) fn forward(&self, right: &mut [f64]) {
        for row in 0..self.size {
            let own = &self.rows[row * self.size..];
            let sum: f64 = own[..row].iter().zip(&*right).map(|(a, b)| a * b).sum();
            right[row] = (right[row] - sum) / own[row];
        }
    }

    /// Solves `transposed triangle × x = right`, in place.
    pub(super) fn backward(&self, right: &mut [f64]) {
        for row in (0..self.size).rev() {
            right[row] /= self.rows[row * self.size + row];
            let solved = right[row];
            for (column, left) in right[..row].iter_mut().enumerate() {
                *left -= self.rows[row * self.size + column] * solved;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found() {
        // y = 2a - b, a sparse, b dense.
        let (starts, places) = ([0, 1, 2, 3, 4], [0, 0, 0, 0]);
        let (numbers, dense) = ([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 2.0, 1.0]);
        let rows = Rows { starts: &starts, places: &places, numbers: &numbers, sparse: 1, dense: &dense, width: 1 };
        let wanted: Vec<f32> = numbers.iter().zip(dense).map(|(a, b)| 2.0 * a - b).collect();
        let found = rows.fit(&wanted, &[1.0; 4], 1e-4);
        assert!((found[0] - 2.0).abs() < 1e-2 && (found[1] + 1.0).abs() < 1e-2, "{found:?}");
        let held_back = rows.fit(&wanted, &[1.0; 4], 1e4);
        assert!(held_back.iter().all(|weight| weight.abs() < 0.1));
    }

    #[test]
    fn a_triangle_solves_what_it_was_made_of() {
        let matrix = vec![4.0, 2.0, 0.4, 2.0, 5.0, 1.0, 0.4, 1.0, 3.0];
        let mut right = vec![1.0, -2.0, 0.5];
        let triangle = Triangle::of(matrix.clone(), 3);
        triangle.forward(&mut right);
        triangle.backward(&mut right);
        let back: Vec<f64> = matrix.chunks(3).map(|row| row.iter().zip(&right).map(|(a, b)| a * b).sum()).collect();
        assert!(back.iter().zip([1.0, -2.0, 0.5]).all(|(a, b)| (a - b).abs() < 1e-9), "{back:?}");
    }
}
