#!/usr/bin/env bash
# Six systems and ten seeds as a Slurm job array, one task and one core each. From the repository's
# folder:
#
#     sbatch examples/slurm-array.sh                      # or --array=0-5 for one seed
#     sbatch examples/slurm-array.sh --schedule paper     # options of train.py; with more --time
#     python train.py --report runs                       # when all have ended
#
# Task n is system n % 6 with seed n / 6. A task that is pre-empted or requeued goes on where it
# was. Submit the array again after a time limit or a lost node: what is finished only shows its
# report. Where nodes have processors of several kinds, `export OPENBLAS_CORETYPE=Haswell` before
# sbatch gives the same bits on all that have AVX2.
#
# Tried with an earlier version and Slurm 22.05.8 (Debian's slurm-wlm) on one node of two cores,
# with the options --array=0-7 and --schedule paper --epochs 800 --pairs 2000 --hidden 20:
#   - Two tasks ran at a time. One was requeued after 15 seconds (scontrol requeue): it saved and
#     let go of its folder at once. Slurm held it back for two minutes and started it again: "Going
#     on after epoch 685." Parameters and history were, bit for bit, those of the run without Slurm.
#   - The array submitted again ended at once, each task with "holds this run, finished".
#   - Two tasks for the same system and seed: the second ended with status 2, "is in use by another
#     run".
#   - A task whose process was killed (kill -9) and that was submitted again: "Going on after epoch
#     287."
#   - python train.py --report runs then gave the page for all eight.
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
# In place of this shell, so that Slurm's SIGTERM reaches it.
exec python train.py --system "${systems[task % 6]}" --seed "$((task / 6))" "$@"
