"""WHERE objects are, whatever their class: a network that learns from photos without masks, by the method's own cuts.

The first labels are cuts of the classifier's maps; the network learns from them, labels photos that it has not seen,
and learns from these, as FOUND does with its own masks (Simeoni, Sekkat, Puy, Vobecky, Zablocki, Perez 2023, arXiv
2212.07834). The errors of single masks differ from photo to photo; what they share is the look of objects.
"""
