#!/bin/sh
# HWSIM: the program; OUT: the table.
exec "${HWSIM:-hwsim}" pareto measure --dataset fashion-mnist --arch lenet5 \
  --partitions 20 --partition-classes 2-6 --partition-seed 1 --train-images 800 --test-images 500 \
  --epochs 2 --learning-rate 0.02 --set batch-size=16 --set initialisation-scale=2 \
  --configurations wl2-fl0/wl16-fl14,wl3-fl1/wl16-fl14,wl4-fl1/wl8-fl8,wl4-fl1/wl16-fl14,wl4-fl2/wl16-fl14,wl5-fl2/wl12-fl12,wl6-fl2/wl8-fl8,wl6-fl2/wl16-fl14,wl6-fl3/wl16-fl14,wl7-fl3/wl12-fl12,wl8-fl2/wl16-fl14,wl8-fl3/wl8-fl8,wl8-fl4/wl4-fl4,wl8-fl4/wl8-fl6,wl8-fl4/wl12-fl10,wl8-fl4/wl16-fl14,wl8-fl6/wl16-fl14,wl8-fl4,wl10-fl5/wl8-fl8,wl10-fl5/wl12-fl12,wl10-fl6/wl16-fl14,wl12-fl6/wl8-fl8,wl12-fl6/wl16-fl14,wl12-fl8/wl12-fl12,wl12-fl10/wl16-fl14,wl14-fl8/wl16-fl14,wl16-fl8/wl8-fl8,wl16-fl10/wl16-fl14,wl16-fl12,wl16-fl12/wl4-fl4 \
  --threads 2 --out "${OUT:-lenet5-fashion-mnist.csv}"
