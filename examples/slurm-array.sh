#!/usr/bin/env bash
#SBATCH --job-name=invariants
#SBATCH --array=0-59
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=2G
#SBATCH --time=01:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
systems=(sr sr-fixed cp cp-fixed em em-fixed)
task=${SLURM_ARRAY_TASK_ID:?is set by sbatch}
exec python train.py --system "${systems[task % 6]}" --seed "$((task / 6))" "$@"
